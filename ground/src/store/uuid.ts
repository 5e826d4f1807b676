const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** Whether a text is a UUID in the one form that we write: RFC 9562, section 4, in lower case. */
export function isUuid(text: string): boolean {
  return UUID.test(text)
}
