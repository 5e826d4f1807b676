import { hidden, type Origin, type Piece } from './piece.ts'

/** What a client of bad will sends, and how it has to end. See `Piece`. */
export type Attack = readonly [kind: string, fate: 'refused' | 'ends', text: string]

/* What is filled in where an attack is sent. */

/** A target of the origin that would be served. */
export const TARGET = '⟨target⟩'
/** The path of the origin. */
export const ORIGIN = '⟨origin⟩'
/** A good Host, and the header by which requests are known. */
export const HOST = '⟨host⟩'
export const ID = '⟨id⟩'
/** A whole request that nobody may ever read as one, and how long it is. */
export const HIDDEN = '⟨hidden⟩'
export const LENGTH = '⟨length⟩'
export const HEX_LENGTH = '⟨hex⟩'

export const post = (lines: string, body: string): string =>
  `POST ${TARGET} HTTP/1.1\r\n${HOST}\r\n${lines}\r\n\r\n${body}`
export const get = (line: string): string => `GET ${TARGET} HTTP/1.1\r\n${HOST}\r\n${line}\r\n\r\n`
/** The attack hopes that what follows is read as a request. */
export const ends = (kind: string, text: string): Attack => [kind, 'ends', text + HIDDEN]
export const refused = (kind: string, text: string): Attack => [kind, 'refused', text]

export function pieceOf([kind, fate, text]: Attack, origin: Origin, id: string): Piece {
  const inner = hidden(origin, id)
  const parts: Readonly<Record<string, string>> = {
    target: `/${origin}/a?fuzz=${id}`,
    origin: `/${origin}`,
    host: `Host: localhost\r\nX-Fuzz: ${id}`,
    ...{ id, hidden: inner, length: String(inner.length), hex: inner.length.toString(16) },
  }
  const bytes = text.replace(/⟨([a-z]+)⟩/g, (_whole, name: string) => parts[name] ?? '')
  const method = text.slice(0, text.indexOf(' '))
  return { ...{ kind, id, method, bytes, fate, closes: false }, meant: undefined }
}
