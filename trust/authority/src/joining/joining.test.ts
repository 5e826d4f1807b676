import { X509Certificate } from 'node:crypto'
import { freePort, temporaryFolder, until } from '@countersign/ground/testkit'
import {
  createCsr,
  generateKeyPair,
  readCertificate,
  validateChain,
} from '@countersign/ground/x509'
import { type Identity, joinTrustDomain } from '@countersign/service'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Host, type HostOptions, startHost } from '../testing/authority-host.ts'
import { callMesh, renewAt } from '../testing/mesh.ts'
import { createPki, type Pki, silent, TRUST_DOMAIN } from '../testing/test-pki.ts'
import { writeBootstrapToken } from '../token/bootstrap-token.ts'
import { generateToken } from '../token/token.ts'

let temporary: ReturnType<typeof temporaryFolder>
let pki: Pki
let closing: (() => unknown)[]
beforeEach(async () => {
  temporary = temporaryFolder()
  pki = await createPki(temporary.path)
  closing = []
})
afterEach(async () => {
  for (const close of closing.reverse()) await close()
  temporary[Symbol.dispose]()
})

async function start(instance: string, options: Partial<HostOptions> = {}): Promise<Host> {
  const host = await startHost({ pki, instance, ...options })
  closing.push(host.close)
  return host
}

async function bootstrap(name = 'desk'): Promise<string> {
  const token = generateToken()
  await writeBootstrapToken(pki.folder, { name, token, expiresAt: new Date(Date.now() + 60_000) })
  return token
}

type JoinOptions = Parameters<typeof joinTrustDomain>[0]
type Joining = Pick<JoinOptions, 'name' | 'doors' | 'token'> & Partial<JoinOptions>
async function joinAs(
  options: Joining,
  mesh?: Host['mesh'],
): Promise<Identity & { close(): void }> {
  let identity: (Identity & { close(): void }) | undefined
  const current = () => {
    if (identity === undefined) throw new Error('not joined yet')
    return identity
  }
  const renew =
    mesh === undefined ? async () => Promise.reject(new Error('away')) : renewAt(current, mesh)
  const common = {
    trustDomain: TRUST_DOMAIN,
    bundle: pki.root,
    renew,
    log: silent,
    waitMsMax: 3_000,
  }
  identity = await joinTrustDomain({ ...common, ...options })
  closing.push(() => identity?.close())
  return identity
}

const lineageOf = (chain: string) => readCertificate(new X509Certificate(chain).raw).lineage
const mint = (desk: Identity, host: Host, name: string, ttlSeconds = 60) =>
  callMesh<{ token: string; expiresAt: string }>(desk, host.mesh, {
    ...{ method: 'POST', path: '/v1/join-tokens', body: { name, ttlSeconds } },
  })
/** In the order of their issuance. */
const issuedIn = ({ authority }: Host) =>
  authority.issued.list({ state: 'any' }).toSorted((a, b) => a.askedAt - b.askedAt)

describe('an authority', () => {
  it('lets the desk join by the bootstrap token, mint tokens, and others join by those', async () => {
    const deskToken = await bootstrap()
    const host = await start('authority-1')
    const desk = await joinAs({ name: 'desk', doors: [host.door], token: deskToken })
    expect(desk.id).toBe('spiffe://test.local/platform/desk')
    const { token } = await mint(desk, host, 'order')
    const order = await joinAs({ name: 'order', doors: [host.door], token })
    expect(order.id).toBe('spiffe://test.local/service/order')
    const life = order.current().notAfter.getTime() - Date.now()
    expect(life).toBeGreaterThan(3_590_000)
    expect(life).toBeLessThanOrEqual(3_600_000)
    expect(issuedIn(host).map(({ kind, name, state }) => [kind, name, state])).toEqual([
      ['self', 'spiffe://test.local/platform/authority', 'issued'],
      ['join', 'spiffe://test.local/platform/desk', 'issued'],
      ['join', 'spiffe://test.local/service/order', 'issued'],
    ])
    expect(host.events.map(({ action, status }) => `${action} ${status}`)).toEqual([
      'certificate.issue success',
      'token.mint success',
      'certificate.issue success',
    ])
    await expect(mint(order, host, 'payment')).rejects.toThrow('CALLER_FORBIDDEN')
    await expect(mint(desk, host, 'authority')).rejects.toThrow('BODY_INVALID')
  })

  it('refuses a token a second time, for another name, unknown or expired', async () => {
    const token = await bootstrap()
    const host = await start('authority-1')
    const doors = [host.door]
    await expect(joinAs({ name: 'order', doors, token })).rejects.toMatchObject({
      code: 'JOIN_REFUSED',
      message: expect.stringMatching(/400 BODY_INVALID/),
    })
    const desk = await joinAs({ name: 'desk', doors, token })
    const refused = { code: 'JOIN_REFUSED', message: expect.stringMatching(/401 TOKEN_INVALID/) }
    await expect(joinAs({ name: 'desk', doors, token })).rejects.toMatchObject(refused)
    await expect(joinAs({ name: 'desk', doors, token: generateToken() })).rejects.toMatchObject(
      refused,
    )
    const short = await mint(desk, host, 'order', 1)
    await until(() => Date.now() > Date.parse(short.expiresAt), 'the token expires')
    await expect(joinAs({ name: 'order', doors, token: short.token })).rejects.toMatchObject(
      refused,
    )
    const refusals = host.events.filter(({ action }) => action === 'certificate.refuse')
    expect(refusals.map(({ event }) => event.reason)).toEqual([
      expect.stringMatching(/CSR_REFUSED/),
      expect.stringMatching(/SPENT/),
      expect.stringMatching(/UNKNOWN/),
      expect.stringMatching(/EXPIRED/),
    ])
    expect(JSON.stringify(host.events)).not.toContain(token)
    expect(await host.metrics.text()).toMatch(
      /certificates_refused_total\{kind="join",code="TOKEN_INVALID"\} 3/,
    )
  })

  it('is passed over when it is dead, or is not an authority', async () => {
    const token = await bootstrap()
    const host = await start('authority-2')
    const dead = { host: '127.0.0.1', port: await freePort() }
    const impostor = { host: '127.0.0.1', port: host.mesh.port }
    const desk = await joinAs({ name: 'desk', doors: [dead, impostor, host.door], token })
    expect(desk.id).toBe('spiffe://test.local/platform/desk')
    const nobody = joinAs({ name: 'desk', doors: [dead], token, waitMsMax: 500 })
    await expect(nobody).rejects.toMatchObject({ code: 'JOIN_UNAVAILABLE' })
  })

  it('renews at half life over mTLS, and its own certificate as well', async () => {
    const token = await bootstrap()
    const host = await start('authority-1', { leafLifetimeSeconds: 20 })
    const short = await start('authority-2', { leafLifetimeSeconds: 20 })
    const seen: string[] = []
    const failures: unknown[] = []
    const hooks = {
      onRenewed: ({ serial, key }: { serial: string; key: string }) => void seen.push(serial + key),
      onRenewFailed: (failure: unknown) => void failures.push(failure),
    }
    const desk = await joinAs({ name: 'desk', doors: [host.door], token, ...hooks }, short.mesh)
    const first = desk.current().chain
    let changes = 0
    desk.onChange(() => void changes++)
    await until(() => desk.renewals >= 1, 'one renewal at half of twenty seconds')
    expect(failures).toEqual([])
    expect(changes).toBe(desk.renewals)
    expect(new Set(seen).size).toBe(seen.length)
    expect(issuedIn(short).at(-1)).toMatchObject({
      ...{ kind: 'renew', name: desk.id, lineage: lineageOf(first) },
    })
    expect(short.events.at(-1)).toMatchObject({ action: 'certificate.renew', status: 'success' })
    // Its own certificate is renewed the same way, and the door shows the new one.
    await until(() => host.identity.renewals >= 1, 'the authority renews its own')
    const { token: next } = await mint(desk, short, 'order')
    const order = await joinAs({ name: 'order', doors: [short.door], token: next })
    expect(order.id).toBe('spiffe://test.local/service/order')
  })

  it('gives the gateway a certificate for host names, and nobody else', async () => {
    const host = await start('authority-1')
    const token = await bootstrap('gateway')
    await host.close()
    closing = []
    const again = await start('authority-1')
    const gateway = await joinAs({ name: 'gateway', doors: [again.door], token })
    const { privateKey } = await generateKeyPair()
    const ask = (csr: string, by: Identity = gateway) =>
      callMesh<{ chain: string; bundle: string }>(by, again.mesh, {
        ...{ method: 'POST', path: '/v1/public-door', body: { csr } },
      })
    const issued = await ask(await createCsr({ id: gateway.id, privateKey }))
    const chain = validateChain(issued.chain, pki.root, Date.now())
    if (!chain.ok) throw new Error(chain.fault)
    expect(chain.leaf.checkHost('localhost')).toBe('localhost')
    expect(chain.leaf.checkIP('127.0.0.1')).toBe('127.0.0.1')
    expect(chain.leaf.checkIP('::1')).toBe('::1')
    const lifeMs = chain.leaf.validToDate.getTime() - chain.leaf.validFromDate.getTime()
    expect(lifeMs).toBeLessThanOrEqual(7 * 86_400_000)
    const other = await createCsr({ id: again.identity.id, privateKey })
    await expect(ask(other)).rejects.toThrow('BODY_INVALID')
    await expect(
      ask(await createCsr({ id: gateway.id, privateKey }), again.identity),
    ).rejects.toThrow('CALLER_FORBIDDEN')
  })
})

describe('two authorities', () => {
  it('know of each other’s tokens: minted at one, used at the other, spent at both', async () => {
    const [first, second] = await startBoth()
    const desk = await joinAs({ name: 'desk', doors: [first.door], token: second.token })
    const { token } = await mint(desk, first, 'order')
    await joinAs({ name: 'order', doors: [second.door], token })
    await expect(joinAs({ name: 'order', doors: [first.door], token })).rejects.toMatchObject({
      code: 'JOIN_REFUSED',
    })
  })

  it('stay usable one without the other, and the one that returns hears what was spent', async () => {
    const [first, second] = await startBoth()
    const desk = await joinAs({ name: 'desk', doors: [first.door], token: second.token })
    const { token } = await mint(desk, first, 'order')
    await second.close()
    closing.splice(closing.indexOf(second.close), 1)
    await joinAs({ name: 'order', doors: [first.door], token })
    const made = await mint(desk, first, 'payment')
    const back = await start('authority-2', second.options)
    // Even before it has heard of it by itself, it asks.
    await expect(joinAs({ name: 'order', doors: [back.door], token })).rejects.toMatchObject({
      code: 'JOIN_REFUSED',
    })
    const knock = () => joinAs({ name: 'payment', doors: [back.door], token: made.token })
    let payment: Identity | undefined
    await until(
      async () => {
        payment ??= await knock()
        return true
      },
      'the other authority hears of a token that was made while it was away',
      45_000,
    )
    expect(payment?.id).toBe('spiffe://test.local/service/payment')
  })

  async function startBoth(): Promise<
    [Host, Host & { token: string; options: Partial<HostOptions> }]
  > {
    const token = await bootstrap()
    const [a, b] = [await freePort(), await freePort()]
    const towards = (port: number) => ({ peers: [port] })
    const first = await start('authority-1', { meshPort: a, ...towards(b) })
    const options = { meshPort: b, ...towards(a) }
    const second = await start('authority-2', options)
    return [first, { ...second, token, options }]
  }
})
