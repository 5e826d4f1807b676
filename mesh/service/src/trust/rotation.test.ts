import { contract, endpoint } from '@countersign/contract'
import { until } from '@countersign/ground/testkit'
import { createMemoryLimiter } from '@countersign/layers'
import { decider, NOTHING_NARROWED } from '@countersign/policy'
import { afterEach, expect, test } from 'vitest'
import { z } from 'zod'
import { openServer } from '../server/server.ts'
import { createTestRoot, factsOf } from '../testing/pki.ts'
import { createTestWorkload } from '../testing/workload.ts'
import { type Following, TestAuthorities } from './test-authorities.fixture.ts'

/* What the authorities do to a mesh that is at work. */
const charge = contract('payment', {
  charge: endpoint({
    at: 'POST /charge',
    callers: ['order'],
    roles: 'stranger',
    limit: '1000000/second per caller',
    body: z.strictObject({ ms: z.int() }),
    reply: z.object({ ok: z.boolean() }),
    audited: false,
  }),
})
let authorities: TestAuthorities
const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
  await authorities.close()
})

/** Payment, and order which calls it without a pause; both follow the authorities. */
async function atWork(): Promise<{
  payment: Following
  order: Following
  failures: unknown[]
  answered: () => number
  stop: () => Promise<void>
}> {
  const payment = await authorities.follower({ name: 'payment' })
  const order = await authorities.follower({ name: 'order' })
  await Promise.all([payment.follower.first, order.follower.first])
  const server = await openServer({
    workload: createTestWorkload('payment', payment.identity, {}),
    served: [
      {
        contract: charge,
        handlers: {
          charge: async ({ body }) => {
            await new Promise((resolve) => setTimeout(resolve, body.ms))
            return { ok: true }
          },
        },
      },
    ],
    verifier: {
      verify: () => {
        throw new Error('no tokens here')
      },
    },
    limiter: createMemoryLimiter(),
    decide: decider(NOTHING_NARROWED),
    narrowing: NOTHING_NARROWED,
    listen: { host: '127.0.0.1', port: 0 },
  })
  const caller = createTestWorkload('order', order.identity, { payment: () => [server.port] })
  const failures: unknown[] = []
  let answered = 0
  let running = true
  const loop = async (ms: number): Promise<void> => {
    while (running)
      await (caller.call(charge) as any).charge({ body: { ms } }).then(
        () => answered++,
        async (error: unknown) => {
          failures.push(error)
          await new Promise((resolve) => setTimeout(resolve, 10))
        },
      )
  }
  // Short ones, and some that are under way while certificates and roots change.
  const loops = [2, 5, 10, 150, 400, 900].map(loop)
  const stop = async (): Promise<void> => {
    running = false
    await Promise.all(loops)
  }
  closing.push(
    stop,
    () => caller.close(),
    () => server.close(),
  )
  return { payment, order, failures, answered: () => answered, stop }
}
const latest = (instance: string) =>
  authorities.reports.findLast((report) => report.instance === instance)

test('a rotation of the root fails no call, and in the end only the new one is believed', async () => {
  authorities = await TestAuthorities.open()
  authorities.trust.lifeMs = 10_000
  const { order, payment, failures, answered, stop } = await atWork()
  const [next, old] = [await createTestRoot('next'), authorities.domain.root]
  const both = (check: (report: ReturnType<typeof latest>) => boolean): boolean =>
    ['order-1', 'payment-1'].every((instance) => check(latest(instance)))

  authorities.change((trust) => {
    trust.roots.push(next)
    trust.sequence = 2
  })
  await until(() => both((report) => report?.sequence === 2), 'everybody trusts the new one')
  await authorities.trustSigner(next)
  authorities.change((trust) => {
    trust.signer = next
    trust.issuers = [next.issuer]
  })
  await until(
    () => both((report) => report?.certificates[0]?.issuer === next.issuer),
    'everybody shows a certificate under it',
    60_000,
  )
  const before = answered()
  authorities.change((trust) => {
    trust.roots = [next]
    trust.sequence = 3
  })
  await until(() => both((report) => report?.sequence === 3), 'everybody has dropped the old one')
  await until(() => answered() > before + 50, 'calls go on', 60_000)
  await stop()
  expect(failures).toEqual([])
  for (const { identity } of [order, payment]) {
    expect(identity.bundle()).not.toContain(old.bundle)
    expect(factsOf(identity.current().chain).authorityKeyId).toBe(next.issuer)
  }
}, 150_000)

test('a workload that is taken back loses its calls at both ends, and nobody else does', async () => {
  authorities = await TestAuthorities.open()
  const { order, failures, answered, stop } = await atWork()
  await until(() => answered() > 20, 'calls')
  const { lineage = '' } = factsOf(order.identity.current().chain)
  authorities.change(({ revoked }) => void revoked.push({ lineage, until: Date.now() + 3_600_000 }))
  const pass = async (ms: number): Promise<number> => {
    const before = answered()
    await new Promise((resolve) => setTimeout(resolve, ms))
    return answered() - before
  }
  // Answers that were there already may still be counted behind the first failure, and then none is.
  await until(async () => failures.length > 0 && (await pass(100)) === 0, 'no more answers')
  expect(await pass(300)).toBe(0)
  await stop()
})
