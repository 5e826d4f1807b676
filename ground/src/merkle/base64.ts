/**
 * Decodes standard base64 (RFC 4648, section 4); `undefined` for all but the one right spelling,
 * so that no bit of a signed text can change unnoticed.
 */
export function decodeBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? bytes : undefined
}
