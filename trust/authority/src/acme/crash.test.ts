import { temporaryFolder } from '@countersign/ground/testkit'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { plantTree, type Tree } from '../testing/status-house.ts'
import { type AcmeHost, type AcmeHostOptions, startAcme } from './testing/acme-host.ts'
import { AcmeSession, answerAll, csrFor, prove, settled } from './testing/acme-session.ts'

/* A process that ends in the middle: what it left is finished by the next one, or fails for good. */
let folder: ReturnType<typeof temporaryFolder>
let tree: Tree
let hosts: AcmeHost[]
beforeEach(async () => {
  folder = temporaryFolder()
  tree = await plantTree('authority-1')
  hosts = []
})
afterEach(async () => {
  for (const host of hosts) await host.close()
  folder[Symbol.dispose]()
})

async function start(options: Partial<AcmeHostOptions> = {}): Promise<AcmeHost> {
  const host = await startAcme({ folder: folder.path, tree, ...options })
  hosts.push(host)
  return host
}
async function stop(host: AcmeHost): Promise<void> {
  hosts = hosts.filter((each) => each !== host)
  await host.close()
}

/** The same account at the server that came after. */
function at(host: AcmeHost, before: AcmeSession): AcmeSession {
  const session = new AcmeSession(host, before.key)
  session.kid = move(host, before, String(before.kid))
  return session
}
function move(host: AcmeHost, { host: before }: AcmeSession, url: string): string {
  return url.replace(before.baseUrl, host.baseUrl)
}

async function readyOrder(host: AcmeHost, name: string) {
  const session = new AcmeSession(host)
  await session.register()
  const web = await answerAll(host, [session])
  const order = await session.order(name)
  await prove(session, order)
  web.close()
  return { session, order, url: String(order.headers.location) }
}

describe('an order that was being finalized', () => {
  it('gets the certificate that is on record, and no second one', async () => {
    const first = await start()
    const { session, order, url } = await readyOrder(first, 'record.acme.test')
    await session.post(order.body.finalize, await csrFor(['record.acme.test']))
    // As if the process had died between the signature and the order.
    const { db } = first.house.store
    db.exec("UPDATE acme_orders SET status = 'processing', serial = NULL")
    db.exec('DELETE FROM acme_certificates')
    await stop(first)
    const second = await start()
    const later = at(second, session)
    const { body } = await settled(later, move(second, session, url))
    expect(body.status).toBe('valid')
    const issued = second.house.authority.issued.list({ kind: 'acme', state: 'any' })
    expect(issued).toMatchObject([{ state: 'issued' }])
    expect(body.certificate).toContain(issued[0]?.serial)
    const got = await later.post(body.certificate)
    expect(got.text.match(/BEGIN CERTIFICATE/g)).toHaveLength(2)
  })

  it('is finished by the next process where nothing was signed', async () => {
    const never = () => new Promise<never>(() => undefined)
    let prepared = 0
    const first = await start({
      ports: {
        prepare: async (request) => {
          const real = await first.house.authority.prepare(request)
          prepared++
          return { ...real, commit: never }
        },
      },
    })
    const { session, order, url } = await readyOrder(first, 'unsigned.acme.test')
    const csr = await csrFor(['unsigned.acme.test'])
    const begun = await session.post(order.body.finalize, csr)
    // Who does not want to wait for it any longer asks again.
    expect(begun).toMatchObject({ body: { status: 'processing' }, headers: { 'retry-after': '1' } })
    expect(await session.post(order.body.finalize, csr)).toMatchObject({ status: 403 })
    expect(prepared).toBe(1)
    hosts = []
    // It waits for a signature that never comes; its door is closed by then.
    void first.close()
    await first.house.store.close()
    const second = await start()
    const { body } = await settled(at(second, session), move(second, session, url))
    expect(body.status).toBe('valid')
    const states = second.house.authority.issued
      .list({ kind: 'acme', state: 'any' })
      .map(({ state }) => state)
    expect(states.sort()).toEqual(['abandoned', 'issued'])
  })

  it('fails for good where it can not be signed any more', async () => {
    const first = await start()
    const { session, order, url } = await readyOrder(first, 'failing.acme.test')
    await session.post(order.body.finalize, await csrFor(['failing.acme.test']))
    const { db } = first.house.store
    db.exec("UPDATE acme_orders SET status = 'processing', serial = NULL, csr = x'00'")
    db.exec("UPDATE issued SET asker = 'somebody else'")
    await stop(first)
    const second = await start()
    const { body } = await settled(at(second, session), move(second, session, url))
    expect(body).toMatchObject({
      status: 'invalid',
      error: { type: 'urn:ietf:params:acme:error:badCSR' },
    })
  })
})

describe('a challenge that was being checked', () => {
  it('is checked by the next process', async () => {
    const first = await start()
    first.dns.set('again.acme.test', { code: 2 })
    const session = new AcmeSession(first)
    await session.register()
    const order = await session.order('again.acme.test')
    const [url] = order.body.authorizations
    const { body } = await session.post(url)
    const challenge = body.challenges.find((each: any) => each.type === 'http-01')
    expect((await session.post(challenge.url, {})).body.status).toBe('processing')
    await stop(first)
    const second = await start()
    const later = at(second, session)
    await later.post(move(second, session, url))
    const web = await answerAll(second, [later])
    expect((await settled(later, move(second, session, url))).body.status).toBe('valid')
    web.close()
  })
})

describe('what is over', () => {
  it('goes a month later, the account stays', async () => {
    const first = await start()
    const { session, order } = await readyOrder(first, 'old.acme.test')
    await session.post(order.body.finalize, await csrFor(['old.acme.test']))
    await session.order('open.acme.test')
    await stop(first)
    const second = await start({ now: () => Date.now() + 40 * 86_400_000 })
    const count = (table: string) =>
      second.house.store.db.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.n
    await second.house.store.write(() => undefined)
    const tables = ['orders', 'authorizations', 'challenges', 'certificates', 'names', 'keys']
    expect(tables.map((table) => count(`acme_${table}`))).toEqual([0, 0, 0, 0, 0, 0])
    expect(count('acme_accounts')).toBe(1)
  })
})
