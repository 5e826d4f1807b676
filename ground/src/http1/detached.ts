/**
 * A copy of a latin1 text that shares nothing. Names and values of a parsed head are windows onto the whole of it: whoever
 * keeps one longer than its message would keep kilobytes for it.
 */
export function detached(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1')
}
