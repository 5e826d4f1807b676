import { type Server as NetServer, createServer as createNetServer } from 'node:net'
import { workloadId } from '@countersign/contract'
import type { Issued } from '@countersign/contract/platform'
import { spiffeId } from '@countersign/ground/spiffe'
import { createLog } from '@countersign/ground/telemetry'
import { freePort, until } from '@countersign/ground/testkit'
import { generateKeyPair } from '@countersign/ground/x509'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type JoinOptions, joinTrustDomain } from './join.ts'
import { obtain, RenewingIdentity } from './renewing-identity.ts'
import { createDomain, openDoor, type TestDomain, TRUST_DOMAIN } from './test-authority.fixture.ts'

const AUTHORITY = workloadId(TRUST_DOMAIN, 'authority')
const ORDER = workloadId(TRUST_DOMAIN, 'order')
const log = createLog({ service: 'test', node: 'test-1', level: 'silent' })
const closing: { close(): unknown }[] = []
let domain: TestDomain
let other: TestDomain
beforeAll(async () => {
  domain = await createDomain()
  other = await createDomain()
})
afterEach(() => {
  for (const each of closing.splice(0)) each.close()
})

type Answer = (body: { token: string; csr: string }) => Promise<{ status: number; body: unknown }>
const grant: Answer = async ({ csr }) => ({ status: 201, body: await domain.answer(ORDER, csr) })
const refuse =
  (status: number, code: string): Answer =>
  async () => ({ status, body: { code } })

async function door(reply: Answer, id = AUTHORITY, of = domain) {
  const opened = await openDoor(of, id, reply)
  closing.push(opened.server)
  return opened
}
async function join(doors: JoinOptions['doors'], changes: Partial<JoinOptions> = {}) {
  const renew = async (csr: string): Promise<Issued> => domain.answer(ORDER, csr)
  const base = {
    name: 'order',
    trustDomain: TRUST_DOMAIN,
    token: 'one-time',
    bundle: domain.bundle,
  }
  const identity = await joinTrustDomain({ ...base, doors, renew, log, waitMsMax: 400, ...changes })
  closing.push(identity)
  return identity
}

describe('joining', () => {
  it('brings a certificate for the own key and name', async () => {
    const opened = await door(grant)
    const identity = await join([opened])
    expect(identity.id).toBe(ORDER)
    expect(identity.current().chain).toContain('BEGIN CERTIFICATE')
    expect(identity.bundle()).toBe(domain.bundle)
    expect(JSON.parse(opened.asked[0] ?? '')).toMatchObject({ token: 'one-time' })
    expect(opened.asked[0]).not.toContain('PRIVATE')
  })

  it('shows the token only to an authority of the own trust domain', async () => {
    const doors = [
      await door(grant, workloadId(TRUST_DOMAIN, 'payment')),
      await door(grant, spiffeId(TRUST_DOMAIN, 'platform', 'authority', 'x')),
      await door(grant, spiffeId(TRUST_DOMAIN, 'service', 'authority')),
      await door(grant, AUTHORITY, other),
    ]
    await expect(join(doors)).rejects.toMatchObject({ code: 'JOIN_UNAVAILABLE' })
    expect(doors.flatMap(({ asked }) => asked)).toEqual([])
  })

  it('goes on to the next door when one is dead, busy, or breaks off', async () => {
    const dead = { host: '127.0.0.1', port: await freePort() }
    const rude: NetServer = createNetServer((socket) => socket.destroy())
    await new Promise<void>((resolve) => rude.listen(0, '127.0.0.1', resolve))
    closing.push(rude)
    const { port } = rude.address() as { port: number }
    const busy = await door(refuse(503, 'OVERLOADED'))
    const limited = await door(refuse(429, 'RATE_LIMITED'))
    const odd = await door(async () => ({ status: 201, body: { chain: 1 } }))
    const identity = await join([
      dead,
      { host: '127.0.0.1', port },
      busy,
      limited,
      odd,
      await door(grant),
    ])
    expect(identity.id).toBe(ORDER)
  })

  it('knocks again until somebody opens', async () => {
    let attempts = 0
    const late = await door(async (body) =>
      ++attempts < 3 ? { status: 503, body: {} } : grant(body),
    )
    await join([late], { waitMsMax: 30_000 })
    expect(attempts).toBe(3)
  })

  it('asks every door before it takes no for an answer, and then does not ask again', async () => {
    const first = await door(refuse(401, 'TOKEN_INVALID'))
    expect((await join([first, await door(grant)])).id).toBe(ORDER)
    const second = await door(refuse(401, 'TOKEN_INVALID'))
    await expect(join([first, second])).rejects.toMatchObject({
      code: 'JOIN_REFUSED',
      message: expect.stringMatching(/401 TOKEN_INVALID.*401 TOKEN_INVALID/),
    })
    expect([first.asked.length, second.asked.length]).toEqual([2, 1])
  })

  it('asks again where an answer got lost, whatever other doors say meanwhile', async () => {
    let asked = 0
    const forgetful = await openDoor(domain, AUTHORITY, async ({ csr }) => {
      // The first answer breaks off: the token is used, and its certificate has not arrived.
      if (++asked === 1) forgetful.server.closeAllConnections()
      return { status: 201, body: await domain.answer(ORDER, csr) }
    })
    closing.push(forgetful.server)
    const other = await door(refuse(401, 'TOKEN_INVALID'))
    expect((await join([forgetful, other], { waitMsMax: 5_000 })).id).toBe(ORDER)
    expect([asked, other.asked.length]).toEqual([2, 1])
  })

  it('takes no certificate that is not for itself', async () => {
    const wrong: Answer[] = [
      async ({ csr }) => ({ status: 201, body: await domain.answer(AUTHORITY, csr) }),
      async () => {
        const { publicKey } = await generateKeyPair()
        return { status: 201, body: await domain.sign(ORDER, publicKey) }
      },
      async ({ csr }) => {
        const { chain } = await other.answer(ORDER, csr)
        return { status: 201, body: { chain, bundle: domain.bundle, sequence: 1 } }
      },
      async ({ csr }) => ({ status: 201, body: await domain.answer(ORDER, csr, -1_000) }),
    ]
    for (const reply of wrong) {
      await expect(join([await door(reply)])).rejects.toMatchObject({ code: 'ANSWER_INVALID' })
    }
  })

  it('does not swallow an answer without end', async () => {
    const huge = await door(async () => ({ status: 201, body: 'x'.repeat(600_000) }))
    await expect(join([huge])).rejects.toMatchObject({
      code: 'JOIN_UNAVAILABLE',
      message: expect.stringMatching(/too long/),
    })
  })
})

describe('an identity', () => {
  async function renewing(renew: (csr: string) => Promise<Issued>, lifeMs: number) {
    const held = await obtain(ORDER, (csr) => domain.answer(ORDER, csr, lifeMs))
    const seen = { renewed: 0, failed: 0, expired: 0 }
    const identity = new RenewingIdentity({
      ...{ id: ORDER, held, renew, log },
      onRenewed: () => void seen.renewed++,
      onRenewFailed: () => void seen.failed++,
      onExpired: () => void seen.expired++,
    })
    closing.push(identity)
    return { identity, seen, held }
  }

  it('survives failures of renewal, keeps the old credential meanwhile, and goes on', async () => {
    let calls = 0
    const { identity, seen, held } = await renewing(async (csr) => {
      calls += 1
      if (calls <= 3) throw new Error('away')
      return domain.answer(ORDER, csr, 60_000)
    }, 4_000)
    await until(() => seen.failed === 1, 'a failure')
    expect(identity.current()).toBe(held.credential)
    await until(() => seen.renewed === 1, 'a renewal')
    expect(seen).toEqual({ renewed: 1, failed: 3, expired: 0 })
    expect(identity.renewals).toBe(1)
    expect(identity.current().serial).not.toBe(held.credential.serial)
  })

  it('takes no renewal for another id, and says so when its time is over', async () => {
    const { identity, seen, held } = await renewing((csr) => domain.answer(AUTHORITY, csr), 2_000)
    await until(() => seen.expired === 1, 'the end')
    expect(seen.renewed).toBe(0)
    expect(seen.failed).toBeGreaterThanOrEqual(1)
    expect(identity.current()).toBe(held.credential)
    expect(Date.now()).toBeGreaterThanOrEqual(held.credential.notAfter.getTime())
  })

  it('goes on renewing after a listener threw, and is quiet once closed', async () => {
    const { identity, seen } = await renewing((csr) => domain.answer(ORDER, csr, 2_000), 2_000)
    let heard = 0
    identity.onChange(() => {
      throw new Error('a mistake')
    })
    const forget = identity.onChange(() => void heard++)
    await until(() => seen.renewed >= 2, 'two renewals')
    expect(heard).toBeGreaterThanOrEqual(2)
    forget()
    identity.close()
    const before = { ...seen }
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    expect(seen).toEqual(before)
  })

  it('believes a newer bundle, and tells of it; an older one, or another of the same age, never', async () => {
    const { identity } = await renewing((csr) => domain.answer(ORDER, csr), 60_000)
    let heard = 0
    identity.onChange(() => void heard++)
    const both = domain.bundle + other.bundle
    expect(identity.believe({ bundle: both, sequence: 3 })).toBe(true)
    expect(identity.believe({ bundle: domain.bundle, sequence: 2 })).toBe(false)
    expect(identity.believe({ bundle: domain.bundle, sequence: 3 })).toBe(false)
    expect([identity.bundle(), identity.sequence, heard]).toEqual([both, 3, 1])
  })

  it('takes a good certificate from an authority that lags behind, but not its bundle', async () => {
    const { identity, seen } = await renewing((csr) => domain.answer(ORDER, csr), 60_000)
    const both = domain.bundle + other.bundle
    identity.believe({ bundle: both, sequence: 2 })
    identity.renewNow()
    await until(() => seen.renewed === 1, 'a renewal')
    expect([identity.bundle(), identity.sequence]).toEqual([both, 2])
  })

  it('takes no certificate that only a bundle of yesterday is good for', async () => {
    const { identity, seen, held } = await renewing((csr) => domain.answer(ORDER, csr), 4_000)
    identity.believe({ bundle: other.bundle, sequence: 2 })
    identity.renewNow()
    await until(() => seen.failed >= 2, 'failures')
    expect([seen.renewed, identity.current()]).toEqual([0, held.credential])
    expect(identity.bundle()).toBe(other.bundle)
  })

  it('takes no bundle with anything but roots of its trust domain', async () => {
    const { identity, seen } = await renewing(async (csr) => {
      const issued = await domain.answer(ORDER, csr)
      return { ...issued, sequence: 2, bundle: issued.bundle + issued.chain }
    }, 4_000)
    identity.renewNow()
    await until(() => seen.failed >= 1, 'a failure')
    expect([seen.renewed, identity.sequence]).toEqual([0, 1])
  })

  it('renews at once where it is told to, once, and not after it was closed', async () => {
    let calls = 0
    const answered = Promise.withResolvers<void>()
    const { identity, seen } = await renewing(async (csr) => {
      calls++
      await answered.promise
      return domain.answer(ORDER, csr)
    }, 60_000)
    identity.renewNow(200)
    identity.renewNow()
    identity.renewNow(100)
    await until(() => calls === 1, 'an attempt')
    // One is under way: that is the one that was asked for.
    identity.renewNow()
    answered.resolve()
    await until(() => seen.renewed === 1, 'a renewal')
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect([calls, seen.renewed]).toEqual([1, 1])
    identity.close()
    identity.renewNow()
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(calls).toBe(1)
  })

  it('tells that its own list counts to the end of the certificate while there is no other', async () => {
    const { identity, held } = await renewing((csr) => domain.answer(ORDER, csr), 60_000)
    expect(identity.revocations).toMatchObject({
      nextUpdate: held.credential.notAfter.getTime(),
    })
  })
})
