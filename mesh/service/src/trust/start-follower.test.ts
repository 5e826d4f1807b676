import type { Issued } from '@countersign/contract/platform'
import { createRoot, generateKeyPair } from '@countersign/ground/x509'
import { expect, it } from 'vitest'
import type { Connected } from '../connect.ts'
import { wayToAuthorities } from './start-follower.ts'

const MINUTE = 60_000
const seeds = [1, 2].map((port) => ({ name: 'authority', host: '127.0.0.1', port }))

async function issuedBy(aheadMs: number): Promise<Issued> {
  const keys = await generateKeyPair()
  const now = Date.now() + aheadMs
  const chain = createRoot({
    ...{ trustDomainId: 'spiffe://test.local' as never, commonName: 'it', keys, pathLength: 1 },
    span: { notBefore: now - MINUTE / 2, notAfter: now + 4 * MINUTE },
  })
  return { chain, bundle: '', sequence: 1 }
}

it.each([5, -5])(
  'an authority whose clock is %i minutes off is left for another',
  async (ahead) => {
    const answers = [await issuedBy(ahead * MINUTE), await issuedBy(0)]
    const connected = {
      resolver: { instances: () => ({ current: () => [] }) },
      callAt: (_: unknown, { port }: { port: number }) => ({
        renew: async () => answers[port - 1],
      }),
    } as unknown as Connected
    // Workloads begin with different ones.
    for (let i = 0; i < 20; i++)
      expect(await wayToAuthorities(connected, seeds).renew('csr')).toBe(answers[1])
    answers[1] = await issuedBy(ahead * MINUTE)
    await expect(wayToAuthorities(connected, seeds).renew('csr')).rejects.toMatchObject({
      code: 'ANSWER_INVALID',
    })
  },
)
