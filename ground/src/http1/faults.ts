import type { HeadFault } from './message.ts'

/* Every way in which bytes are no message. Made once: who sends nonsense is answered without allocating for it. */

const malformed = (rule: string): HeadFault => ({ kind: 'malformed', rule })

export const method: HeadFault = malformed('the method is none that is registered')
export const target: HeadFault = malformed('the target has no form that the method allows')
export const targetCharacter: HeadFault = malformed(
  'the target holds an octet that is no visible ASCII',
)
export const version: HeadFault = malformed('the version is not HTTP/1.0 or HTTP/1.1')
export const status: HeadFault = malformed('the status line is none')
export const leadingLines: HeadFault = malformed('too many empty lines before the message')
export const lineEnd: HeadFault = malformed('a line does not end with CR LF')
export const fold: HeadFault = malformed('a header is folded (obs-fold)')
export const name: HeadFault = malformed('a header has no name')
export const nameSpace: HeadFault = malformed('white space before the colon of a header')
export const nameCharacter: HeadFault = malformed('the name of a header is no token')
export const valueCharacter: HeadFault = malformed(
  'the value of a header holds a control character',
)
export const tab: HeadFault = malformed('a tab behind the Transfer-Encoding')
export const hostTwice: HeadFault = malformed('there is more than one Host')
export const lengthTwice: HeadFault = malformed('there is more than one Content-Length')
export const lengthDigits: HeadFault = malformed('the Content-Length is no decimal number')
export const codingTwice: HeadFault = malformed('there is more than one Transfer-Encoding')
export const coding: HeadFault = malformed('the Transfer-Encoding is not "chunked"')
export const codingVersion: HeadFault = malformed('a Transfer-Encoding in HTTP/1.0')
export const codingAndLength: HeadFault = malformed('both Transfer-Encoding and Content-Length')
export const headTooLarge: HeadFault = { kind: 'head-too-large', rule: 'the head is too large' }
export const tooManyHeaders: HeadFault = {
  kind: 'too-many-headers',
  rule: 'there are too many headers',
}
export const targetTooLong: HeadFault = { kind: 'target-too-long', rule: 'the target is too long' }

/** Whether a parser found a fault rather than a message. */
export function isFault(found: object): found is HeadFault {
  return 'rule' in found
}
