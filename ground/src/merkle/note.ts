import { createPublicKey, hash, type KeyObject, sign, verify } from 'node:crypto'
import { decodeBase64 } from './base64.ts'

/*
 * C2SP signed-note with Ed25519:
 *
 * - the text ends in a newline; after an empty line come the signatures, one a line: — name base64(id || signature)
 * - the key id is the first four bytes of SHA-256(name || 0x0A || 0x01 || public key)
 * - the note is valid UTF-8 and has no control character but the newline
 * - a signature of an unknown key is ignored; one of a known key that does not verify spoils the note
 * - without one good signature of a known key the text is nothing
 */
const ED25519 = 1
const NOTE_BYTES_MAX = 64 * 1024
const SIGNATURES_MAX = 64
// DER of SubjectPublicKeyInfo for Ed25519, up to the 32 bytes of the key: RFC 8410.
const SPKI_HEAD: Buffer = Buffer.from('302a300506032b6570032100', 'hex')

/** Whoever signs notes: a name, by convention the origin of the log, and its Ed25519 key. */
export interface NoteSigner {
  readonly name: string
  readonly privateKey: KeyObject
}
/** What verifies notes. */
export interface NoteVerifier {
  readonly name: string
  readonly keyId: Buffer
  readonly publicKey: KeyObject
}

/** Signs a text that ends in a newline; gives the whole note. Throws `TypeError` for what cannot be a note. */
export function signNote(text: string, signer: NoteSigner): string {
  if (!isNoteText(text))
    throw new TypeError('the text of a note ends in a newline and is printable')
  const { keyId } = verifierOf(signer)
  const signature = sign(null, Buffer.from(text), signer.privateKey)
  return `${text}\n— ${signer.name} ${Buffer.concat([keyId, signature]).toString('base64')}\n`
}

/**
 * The text of a note, if one of the verifiers vouches for it; `undefined` for anything else.
 * The text includes its last newline.
 */
export function openNote(
  note: string | Uint8Array,
  verifiers: readonly NoteVerifier[],
): string | undefined {
  const whole = toText(note)
  const at = whole?.lastIndexOf('\n\n') ?? -1
  if (whole === undefined || at < 0) return undefined
  const text = whole.slice(0, at + 1)
  const signatures = parseSignatures(whole.slice(at + 2))
  if (signatures === undefined || !isNoteText(text)) return undefined
  let good = 0
  for (const { name, keyId, signature } of signatures) {
    const known = verifiers.find((each) => each.name === name && each.keyId.equals(keyId))
    if (known === undefined) continue
    if (!verify(null, Buffer.from(text), known.publicKey, signature)) return undefined
    good++
  }
  return good > 0 ? text : undefined
}

/** The public side of a signer. Throws `TypeError` for a name with spaces or `+`, or a key that is not Ed25519. */
export function verifierOf(signer: NoteSigner): NoteVerifier {
  const { name, privateKey } = signer
  if (!isKeyName(name)) throw new TypeError(`not a key name: ${JSON.stringify(name)}`)
  if (privateKey.asymmetricKeyType !== 'ed25519') throw new TypeError('notes are signed by Ed25519')
  const publicKey = createPublicKey(privateKey)
  return { name, publicKey, keyId: keyIdOf(name, rawKey(publicKey)) }
}

/** The verifier key as text: `name+hash+base64(0x01 || public key)`. */
export function formatVerifierKey({ name, keyId, publicKey }: NoteVerifier): string {
  const key = Buffer.concat([Buffer.of(ED25519), rawKey(publicKey)])
  return `${name}+${keyId.toString('hex')}+${key.toString('base64')}`
}

/** Reads a verifier key; `undefined` where it is malformed, of another kind, or its hash does not fit. */
export function parseVerifierKey(text: string): NoteVerifier | undefined {
  const [, name = '', id = '', encoded = ''] = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/.exec(text) ?? []
  const key = decodeBase64(encoded)
  if (!isKeyName(name) || key?.length !== 33 || key[0] !== ED25519) return undefined
  const raw = key.subarray(1)
  const keyId = keyIdOf(name, raw)
  if (keyId.toString('hex') !== id) return undefined
  const der = Buffer.concat([SPKI_HEAD, raw])
  return { name, keyId, publicKey: createPublicKey({ key: der, format: 'der', type: 'spki' }) }
}

function toText(note: string | Uint8Array): string | undefined {
  if (note.length > NOTE_BYTES_MAX) return undefined
  if (typeof note === 'string') return note
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(note)
  } catch {
    return undefined
  }
}

interface Signature {
  readonly name: string
  readonly keyId: Buffer
  readonly signature: Buffer
}

function parseSignatures(block: string): readonly Signature[] | undefined {
  const lines = block.split('\n')
  if (lines.pop() !== '' || lines.length === 0 || lines.length > SIGNATURES_MAX) return undefined
  const signatures: Signature[] = []
  for (const line of lines) {
    const [, name = '', encoded = ''] = /^— ([^ ]+) ([^ ]+)$/.exec(line) ?? []
    const bytes = decodeBase64(encoded)
    if (!isKeyName(name) || bytes === undefined || bytes.length < 5) return undefined
    signatures.push({ name, keyId: bytes.subarray(0, 4), signature: bytes.subarray(4) })
  }
  return signatures
}

const keyIdOf = (name: string, raw: Uint8Array): Buffer =>
  hash(
    'sha256',
    Buffer.concat([Buffer.from(`${name}\n`), Buffer.of(ED25519), raw]),
    'buffer',
  ).subarray(0, 4)

const rawKey = (key: KeyObject): Buffer =>
  key.export({ format: 'der', type: 'spki' }).subarray(SPKI_HEAD.length)

const isKeyName = (name: string): boolean => /^[^\s+\p{Cc}]+$/u.test(name)

function isNoteText(text: string): boolean {
  if (!text.endsWith('\n') || !text.isWellFormed()) return false
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0x20 && unit !== 0x0a) return false
  }
  return true
}
