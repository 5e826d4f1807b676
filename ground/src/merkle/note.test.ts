import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { openCheckpoint, parseCheckpoint, signCheckpoint } from './checkpoint.ts'
import { EMPTY_TREE_HASH, hashLeaf } from './hash.ts'
import {
  formatVerifierKey,
  type NoteSigner,
  type NoteVerifier,
  openNote,
  parseVerifierKey,
  signNote,
  verifierOf,
} from './note.ts'

// The example of golang.org/x/mod/sumdb/note: a key, a note, a signature, made by others.
const PETER = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'
const SAID = `If you think cryptography is the answer to your problem,
then you don't know what your problem is.

— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=
`

function known(text: string): NoteVerifier {
  const verifier = parseVerifierKey(text)
  if (verifier === undefined) throw new Error('the key was not read')
  return verifier
}
const signer = (name: string): NoteSigner => ({
  name,
  privateKey: generateKeyPairSync('ed25519').privateKey,
})

describe('signed note', () => {
  test('of golang.org/x/mod/sumdb/note opens', () => {
    expect(openNote(SAID, [known(PETER)])).toBe(SAID.slice(0, SAID.indexOf('\n\n') + 1))
    expect(formatVerifierKey(known(PETER))).toBe(PETER)
  })
  test('opens for whoever knows the signer, and for nobody else', () => {
    const [one, two] = [signer('log.example/one'), signer('log.example/two')]
    const note = signNote('a text\n\nwith an empty line\n', one)
    expect(openNote(note, [verifierOf(two), verifierOf(one)])).toBe(
      'a text\n\nwith an empty line\n',
    )
    expect(openNote(note, [verifierOf(two)])).toBeUndefined()
    expect(openNote(note, [verifierOf({ ...two, name: one.name })])).toBeUndefined()
    expect(openNote(note, [])).toBeUndefined()
  })
  test('with further signatures of strangers still opens; with a bad one of a known key it does not', () => {
    const [one, two] = [signer('one'), signer('two')]
    const lineOf = (note: string) => note.slice(note.lastIndexOf('\n\n') + 2)
    const both = signNote('text\n', one) + lineOf(signNote('text\n', two))
    const spoiled = signNote('text\n', one) + lineOf(signNote('other\n', two))
    expect(openNote(both, [verifierOf(one)])).toBe('text\n')
    expect(openNote(both, [verifierOf(one), verifierOf(two)])).toBe('text\n')
    expect(openNote(spoiled, [verifierOf(one)])).toBe('text\n')
    expect(openNote(spoiled, [verifierOf(one), verifierOf(two)])).toBeUndefined()
  })
  test('is spoiled by any change of one bit', () => {
    const log = signer('log.example')
    const note = Buffer.from(signNote('text of a note\n', log))
    for (let bit = 0; bit < note.length * 8; bit++) {
      const changed = Buffer.from(note)
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(openNote(changed, [verifierOf(log)]), `bit ${bit}`).toBeUndefined()
    }
  })
  test('that is malformed is none', () => {
    const log = signer('log')
    const note = signNote('text\n', log)
    const open = (bad: string | Uint8Array) => openNote(bad, [verifierOf(log)])
    for (const bad of [
      '',
      '\n\n',
      note.slice(0, -1),
      `${note}\n`,
      note.replace('— ', '- '),
      note.replace('text', 'te\u0001xt'),
      note.replace('text\n\n', 'text\n'),
      note.replace('\n\n', '\n\r\n'),
    ])
      expect(open(bad), JSON.stringify(bad)).toBeUndefined()
    expect(open(Buffer.concat([Buffer.from([0xff]), Buffer.from(note)]))).toBeUndefined()
    expect(open('x'.repeat(70_000))).toBeUndefined()
  })
  test('cannot be made of what is no text or no name', () => {
    expect(() => signNote('no newline', signer('log'))).toThrow(TypeError)
    expect(() => signNote('\u0007\n', signer('log'))).toThrow(TypeError)
    expect(() => signNote('text\n', signer('a b'))).toThrow(TypeError)
    expect(() => signNote('text\n', signer('a+b'))).toThrow(TypeError)
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    expect(() => signNote('text\n', { name: 'log', privateKey })).toThrow(TypeError)
  })
  test.each([
    PETER.replace('c74f20a3', 'c74f20a4'),
    PETER.replace('Peter', 'Pan'),
    PETER.replace('+ARpc', '+BRpc'),
    PETER.slice(0, -4),
    'name',
    '',
  ])('verifier key %j is refused', (text) => {
    expect(parseVerifierKey(text)).toBeUndefined()
  })
})

describe('checkpoint', () => {
  const log = signer('example.com/behind-the-sofa')
  const root = hashLeaf(Buffer.from('x'))
  test('is read by whoever knows the key and asks for this log', () => {
    const note = signCheckpoint({ origin: log.name, size: 20_852_163, root }, log)
    expect(openCheckpoint(note, log.name, [verifierOf(log)])).toEqual({
      origin: log.name,
      size: 20_852_163,
      root,
    })
    expect(openCheckpoint(note, 'example.com/other', [verifierOf(log)])).toBeUndefined()
    expect(openCheckpoint(note, log.name, [verifierOf(signer(log.name))])).toBeUndefined()
  })
  test('the example of tlog-checkpoint is read', () => {
    const text =
      'example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n'
    expect(parseCheckpoint(text)?.size).toBe(20_852_163)
    expect(parseCheckpoint(`${text}extension\n`)?.origin).toBe('example.com/behind-the-sofa')
  })
  const hash = EMPTY_TREE_HASH.toString('base64')
  test.each([
    `log\n01\n${hash}\n`,
    `log\n-1\n${hash}\n`,
    `log\n1e3\n${hash}\n`,
    `log\n99999999999999999\n${hash}\n`,
    `log\n1\n${hash.slice(0, -4)}\n`,
    `log\n1\n${hash}`,
    `\n1\n${hash}\n`,
    `log\n1\n${hash}\n\n`,
    'log\n1\n',
  ])('%j is none', (text) => {
    expect(parseCheckpoint(text)).toBeUndefined()
  })
})
