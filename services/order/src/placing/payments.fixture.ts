import { randomUUID } from 'node:crypto'
import type { Payments } from './desk.ts'

type Outcome = Awaited<ReturnType<Payments['settle']>>['outcome']
interface Kept {
  outcome: Outcome
  readonly paymentId: string
  readonly said: string
}
/** As a call that payment refused looks to its caller. */
export class Refused extends Error {
  readonly status: number
  constructor(status: number) {
    super(`payment answered ${status}`)
    this.status = status
  }
}

/**
 * Payment as its contract promises it: one charge an order, a repetition gets the first answer, and nothing can
 * be charged after settling has said that there was none. `before` runs before each call takes effect and
 * `after` between the effect and the answer; either may throw, as a network does.
 */
export function testPayments(): Payments & {
  readonly calls: string[]
  before: (call: string) => void
  after: (call: string) => void
} {
  const kept = new Map<string, Kept>()
  const calls: string[] = []
  const all = {
    calls,
    before: (_call: string): void => {},
    after: (_call: string): void => {},
    charge: during('charge', ({ body }: Parameters<Payments['charge']>[0], options) => {
      if (options?.idempotencyKey !== body.orderId) throw new Refused(400)
      const said = JSON.stringify(body)
      const declined = body.card.number === '4000000000000002'
      const outcome: Outcome = declined ? 'declined' : 'captured'
      const found = kept.get(body.orderId) ?? { outcome, paymentId: randomUUID(), said }
      kept.set(body.orderId, found)
      if (found.said !== said || found.outcome === 'none') throw new Refused(409)
      const { amountMinor, currency } = body
      const status = found.outcome === 'declined' ? ('declined' as const) : ('captured' as const)
      const maskedCard = `**** ${body.card.number.slice(-4)}`
      return { paymentId: found.paymentId, status, maskedCard, amountMinor, currency }
    }),
    settle: during('settle', ({ params }: Parameters<Payments['settle']>[0]) => {
      const none: Kept = { outcome: 'none', paymentId: randomUUID(), said: '' }
      const found = kept.get(params.orderId) ?? none
      kept.set(params.orderId, found)
      const paymentId = found.outcome === 'none' ? null : found.paymentId
      return { outcome: found.outcome, paymentId }
    }),
    giveBack: during('giveBack', ({ params }: Parameters<Payments['giveBack']>[0]) => {
      const found = kept.get(params.orderId)
      if (found?.outcome === 'captured') found.outcome = 'refunded'
    }),
    ping: async () => ({ pong: true as const }),
  }
  function during<I, R>(
    name: string,
    effect: (input: I, options?: { idempotencyKey?: string }) => R,
  ) {
    return async (input: I, options?: { idempotencyKey?: string }): Promise<R> => {
      calls.push(name)
      all.before(name)
      const reply = effect(input, options)
      all.after(name)
      return reply
    }
  }
  return all
}
