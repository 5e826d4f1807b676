import { temporaryFolder } from '@countersign/ground/testkit'
import { expect, it } from 'vitest'
import { startAcme } from './testing/acme-host.ts'
import { AcmeSession, signJws } from './testing/acme-session.ts'

it('makes one client of a /64: the accounts it may make, and the refusals that go on record', async () => {
  using folder = temporaryFolder()
  const host = await startAcme({
    folder: folder.path,
    env: { AUTHORITY_ACME_BINDING: 'optional' },
    rates: { accountsPerAddress: { burst: 2, perSecond: 0.001 } },
  })
  try {
    const route = host.acme.routes.find(
      ({ method, path }) => method === 'POST' && path === '/acme/new-account',
    )
    const ask = async (address: string, payload: object): Promise<number | undefined> => {
      const session = new AcmeSession(host)
      const jws = signJws(await session.parts('new-account', payload), session.key)
      const { baseUrl } = host
      const reply = await route?.handle({
        ...{ method: 'POST', path: '/acme/new-account', params: {}, query: new URLSearchParams() },
        headers: { 'content-type': 'application/jose+json' },
        body: Buffer.from(JSON.stringify(jws)),
        ...{ address, requestId: 'r', baseUrl, signal: AbortSignal.timeout(5_000) },
      })
      return reply?.status
    }
    const statuses: (number | undefined)[] = []
    for (let i = 1; i <= 4; i++) statuses.push(await ask(`2001:db8:1:2::${i}`, {}))
    expect(statuses).toEqual([201, 201, 429, 429])
    expect(await ask('2001:db8:1:3::1', {})).toBe(201)
    const began = Date.now()
    for (let i = 0; i < 130; i++)
      await ask(`2001:db8:1:4::${i.toString(16)}`, { onlyReturnExisting: true })
    const recorded = host.events.filter(({ action }) => action === 'acme.refuse')
    expect(recorded.length).toBeGreaterThanOrEqual(100)
    // A hundred at once, and one more each second: see RECORDED_REFUSALS.
    expect(recorded.length).toBeLessThan(120 + (Date.now() - began) / 1_000)
  } finally {
    await host.close()
  }
})
