import { open, parseEnvelope, type SealKey, seal } from './envelope.ts'
import { SealError } from './errors.ts'
import { KEYRING_KEYS_MAX } from './limits.ts'

/** Seals with the current key and opens with any key that it holds: so keys rotate while old values stay readable. */
export class Keyring {
  readonly #current: SealKey
  readonly #keys: ReadonlyMap<string, SealKey>

  /** `older`: keys of before, for opening only. Throws `TypeError` where an id is there twice. */
  constructor(current: SealKey, older: readonly SealKey[] = []) {
    const keys = [current, ...older]
    this.#current = current
    this.#keys = new Map(keys.map((key) => [key.id, key]))
    if (this.#keys.size !== keys.length) throw new TypeError('two keys have the same id')
    if (!(keys.length <= KEYRING_KEYS_MAX)) throw new TypeError('a keyring holds at most 64 keys')
  }

  get currentId(): string {
    return this.#current.id
  }
  /** Seals with the current key. */
  seal(plaintext: string | Uint8Array, aad: string): string {
    return seal(this.#current, plaintext, aad)
  }
  /** Throws `SealError`; KEY_UNKNOWN where the key was never here or has been retired. */
  open(envelope: string, aad: string): Buffer {
    const { keyId } = parseEnvelope(envelope)
    const key = this.#keys.get(keyId)
    if (key === undefined) throw new SealError('KEY_UNKNOWN', `there is no key ${keyId}`)
    return open(key, envelope, aad)
  }
  /** Whether the value should be sealed anew, with the current key. */
  isOld(envelope: string): boolean {
    return parseEnvelope(envelope).keyId !== this.#current.id
  }
}
