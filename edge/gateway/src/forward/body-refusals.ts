import { Refusal } from '@countersign/layers'
import { BODY_BYTES_PER_SECOND_MIN, BODY_GRACE_MS } from '../limits.ts'

/** The client went away: nobody is left to answer. */
export class ClientGone extends Error {
  constructor() {
    super('the client is gone')
    this.name = 'ClientGone'
  }
}

export const tooLarge = (bytesMax: number): Refusal =>
  new Refusal('BODY_TOO_LARGE', {
    detail: `The body may have at most ${bytesMax} bytes.`,
    rule: `contract: a body of at most ${bytesMax} bytes`,
    remedy: 'send less, or raise bodyBytesMax of the endpoint',
  })
export const tooSlow = (): Refusal =>
  new Refusal('REQUEST_TIMEOUT', {
    detail: 'The body came too slowly.',
    rule: `gateway: at least ${BODY_BYTES_PER_SECOND_MIN} bytes per second of a body, and no pause of ${BODY_GRACE_MS} ms`,
    remedy: 'send the body without pauses',
  })
