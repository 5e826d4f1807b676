/* Which octets stand where (RFC 9110 sections 5.5 and 5.6.2). Tables: 1 where it may. */

export const HTAB = 0x09
export const LF = 0x0a
export const CR = 0x0d
export const SPACE = 0x20
export const QUOTE = 0x22
export const COLON = 0x3a
export const SEMICOLON = 0x3b
export const EQUALS = 0x3d
export const BACKSLASH = 0x5c

/** `tchar`: letters, digits and some signs. */
export const IS_TOKEN: Readonly<Uint8Array> = table((code) =>
  /[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(String.fromCharCode(code)),
)
/** `field-vchar`, `obs-text`, space and tab. */
export const IS_VALUE: Readonly<Uint8Array> = table(
  (code) => code === HTAB || (code >= SPACE && code !== 0x7f),
)
/** Value of a hexadecimal digit, or 255. */
export const HEX: Readonly<Uint8Array> = Uint8Array.from({ length: 256 }, (_, code) => {
  const value = '0123456789abcdef'.indexOf(String.fromCharCode(code).toLowerCase())
  return value === -1 ? 255 : value
})

function table(may: (code: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, code) => (may(code) ? 1 : 0))
}
