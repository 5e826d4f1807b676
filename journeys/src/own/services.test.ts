import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { until } from '@countersign/ground/testkit'
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { collect, REPOSITORY, startDesk } from '../support/desk.ts'
import { ownFolder } from '../support/own-folder.ts'
import { type Platform, startPlatform } from '../support/platform.ts'

/* Services of users beside the platform: a new one in ten lines, and an Express app that was there before. */
let platform: Platform
const running: ReturnType<typeof startDesk>[] = []

beforeAll(async () => {
  platform = await startPlatform()
})
afterEach(async () => {
  for (const child of running.splice(0)) {
    if (child.exitCode !== null) continue
    child.kill('SIGTERM')
    await new Promise((done) => child.once('exit', done))
  }
})
afterAll(() => platform?.stop('--wipe'))

/** `npm start` of a service, until it answers or ends. */
function run(folder: string, ...args: string[]) {
  const child = startDesk(['run', ...args], { home: platform.home, cwd: folder, env: platform.env })
  running.push(child)
  return { child, said: collect(child) }
}

/** Runs a program as the service `name`. It lies below the checkout, so that its packages are found. */
function runSample(name: string, text: string) {
  const folder = mkdtempSync(join(REPOSITORY, 'journeys/.sample-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'main.mjs')
  writeFileSync(file, text)
  return run(platform.home, file, '--name', name)
}

describe('countersign new hello', () => {
  test('makes a service that joins and answers through the door, with token, roles, limit and audit', async () => {
    const folder = ownFolder('csn-')
    const made = startDesk(['new', 'hello'], {
      home: platform.home,
      cwd: folder,
      env: platform.env,
    })
    expect(await new Promise((done) => made.once('exit', done))).toBe(0)
    const { said } = run(folder, 'main.ts')
    const customer = await platform.token('customer')
    let answer = await platform.ask({ path: '/hello/world', token: customer })
    await until(
      async () => {
        answer = await platform.ask({ path: '/hello/world', token: customer })
        return answer.status === 200
      },
      'hello to answer',
      60_000,
    ).catch((error) => {
      throw new Error(`${answer.status} ${answer.text}\n${said().stdout}${said().stderr}`, {
        cause: error,
      })
    })
    expect(answer.json).toEqual({ greeting: expect.stringContaining('Hello world') })
    expect(answer.headers['ratelimit-policy']).toContain('q=5;w=1')
    expect((await platform.ask({ path: '/hello/world' })).status).toBe(401)
    expect(
      (await platform.ask({ path: '/hello/world', token: await platform.token('auditor') })).status,
    ).toBe(403)
    const burst = await Promise.all(
      Array.from({ length: 30 }, () => platform.ask({ path: '/hello/world', token: customer })),
    )
    expect(burst.some((each) => each.status === 429)).toBe(true)
    const events = await platform.events(answer.requestId, 2)
    expect(JSON.stringify(events)).toContain('hello.greet')
  })

  test.each([
    ['callers', /\n *callers: .*/],
    ['limit', /\n *limit: .*/],
  ])('refuses to start without its %s and says which endpoint', async (what, line) => {
    const folder = ownFolder('csn-')
    const made = startDesk(['new', 'bare'], { home: platform.home, cwd: folder, env: platform.env })
    expect(await new Promise((done) => made.once('exit', done))).toBe(0)
    const file = join(folder, 'contract.ts')
    const text = readFileSync(file, 'utf8')
    expect(text).toMatch(line)
    writeFileSync(file, text.replace(line, ''))
    const { child, said } = run(folder, 'main.ts')
    const code = await new Promise((done) => child.once('exit', done))
    expect(code).not.toBe(0)
    expect(said().stderr + said().stdout).toContain(`endpoint "greet" has no ${what}`)
  })
})

const FASTIFY_SERVICE = `
import fastify from 'fastify'
import { countersign } from '@countersign/service/fastify'

const app = fastify()
const { allow, context, listen } = countersign('notes')
app.post('/notes', {
  preHandler: allow({ at: 'POST /notes', callers: ['gateway'], roles: ['customer'], limit: '5/second per person' }),
}, async (request) => ({ who: context(request).permit.person.name, note: request.body.note }))

await listen(app)
`

/* The order service of the first seed, with `allow` where its own `checkRBAC` stood and `listen` in place of https. */
const EXPRESS_ORDER_SERVICE = `
import express from 'express'
import { countersign } from '@countersign/service/express'

const app = express()
const { allow, listen } = countersign('order-service')
const db = { query: async () => [{ id: 1, item: 'tea' }] }

// Route restricted to admin role
app.get('/seed-orders', allow({ at: 'GET /seed-orders', callers: ['gateway'], roles: ['admin'], limit: '5/second per person' }), async (req, res) => {
    const orders = await db.query('SELECT * FROM orders');
    res.json(orders);
});
app.get('/seed-headers', allow({ at: 'GET /seed-headers', callers: ['gateway'], roles: ['admin'], limit: '5/second per person' }), (req, res) => {
    res.json(req.headers);
});
app.get('/seed-broken', allow({ at: 'GET /seed-broken', callers: ['gateway'], roles: ['admin'], limit: '5/second per person' }), async (req, res) => {
    throw new Error('the secret reason');
});
app.get('/undeclared', (req, res) => res.json({ reached: true }))

await listen(app)
`

describe('a plain Fastify app', () => {
  test('lives here behind the same door, and reads its body itself', async () => {
    runSample('notes', FASTIFY_SERVICE)
    const customer = await platform.token('customer')
    const ask = { path: '/notes', token: customer, body: { note: 'tea' } }
    await until(async () => (await platform.ask(ask)).status === 200, 'the app to answer', 15_000)
    expect((await platform.ask(ask)).json).toEqual({ who: 'customer', note: 'tea' })
    expect((await platform.ask({ ...ask, token: await platform.token('admin') })).status).toBe(403)
  })
})

describe('the Express sample of the seed', () => {
  test('lives here with the middleware in place of its own check', async () => {
    const { said } = runSample('order-service', EXPRESS_ORDER_SERVICE)
    const admin = await platform.token('admin')
    let answer = await platform.ask({ path: '/seed-orders', token: admin })
    await until(
      async () => {
        answer = await platform.ask({ path: '/seed-orders', token: admin })
        return answer.status === 200
      },
      'the sample to answer',
      60_000,
    ).catch((error) => {
      throw new Error(`${answer.status} ${answer.text}\n${said().stdout}${said().stderr}`, {
        cause: error,
      })
    })
    expect(answer.json).toEqual([{ id: 1, item: 'tea' }])
    expect((await platform.ask({ path: '/seed-orders' })).status).toBe(401)
    expect(
      (await platform.ask({ path: '/seed-orders', token: await platform.token('customer') }))
        .status,
    ).toBe(403)
    expect((await platform.ask({ path: '/undeclared', token: admin })).status).toBe(404)
    const spoofed = { 'x-user-id': '1', x_user_id: '1', 'x-consumer-id': '1', 'x-email': 'a@b' }
    const headers = { ...spoofed, 'x-forwarded-client-cert': 'By=evil', connection: 'x-request-id' }
    const seen = await platform.ask({ path: '/seed-headers', token: admin, headers })
    expect(seen.status, seen.text).toBe(200)
    for (const name of Object.keys(spoofed)) expect(seen.json).not.toHaveProperty(name)
    expect(seen.json).not.toHaveProperty('x-forwarded-client-cert')
    expect(seen.json['x-request-id']).toBe(seen.requestId)
    const broken = await platform.ask({ path: '/seed-broken', token: admin })
    expect(broken.json).toMatchObject({
      status: 500,
      code: 'INTERNAL',
      requestId: broken.requestId,
    })
    expect(broken.text).not.toContain('secret')
    expect(JSON.stringify(await platform.events(broken.requestId))).toContain('INTERNAL')
    const burst = await Promise.all(
      Array.from({ length: 30 }, () => platform.ask({ path: '/seed-orders', token: admin })),
    )
    expect(burst.some((each) => each.status === 429)).toBe(true)
  })
})
