import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { request } from 'node:https'
import { connect } from 'node:net'
import { join } from 'node:path'
import { writeFileSync } from 'node:fs'
import { temporaryFolder, until } from '@countersign/ground/testkit'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { JOIN_ACTIVE_PER_ADDRESS, JOIN_CONNECTIONS_PER_ADDRESS } from '../limits.ts'
import { type Host, startHost } from '../testing/authority-host.ts'
import { createPki, type Pki } from '../testing/test-pki.ts'
import { generateToken } from '../token/token.ts'

let temporary: ReturnType<typeof temporaryFolder>
let pki: Pki
let host: Host
beforeEach(async () => {
  temporary = temporaryFolder()
  pki = await createPki(temporary.path)
  host = await startHost({ pki, instance: 'authority-1' })
})
afterEach(async () => {
  await host.close()
  temporary[Symbol.dispose]()
})

/** Joins from another process, all at once, each as a workload does it; the outcome of each. */
async function joinAll(tokens: readonly string[]): Promise<Record<string, number>> {
  const script = new URL('../testing/join-at-once.ts', import.meta.url).pathname
  const input = join(temporary.path, 'joins.json')
  writeFileSync(input, JSON.stringify({ door: host.door, bundle: pki.root, tokens }))
  const flags = ['--conditions=countersign:source', '--disable-warning=ExperimentalWarning']
  const child = spawn(process.execPath, [...flags, script, input], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  await once(child, 'close')
  return JSON.parse(text) as Record<string, number>
}
async function mint(count: number): Promise<string[]> {
  const minted = await Promise.all(Array.from({ length: count }, () => host.mint('order')))
  return minted.map(({ token }) => token)
}

function knock(): Promise<{ status: number; retryAfter: string | undefined }> {
  return new Promise((resolve, reject) => {
    const outgoing = request({
      ...{ ...host.door, method: 'POST', path: '/v1/join', agent: false, ca: pki.root },
      headers: { 'content-type': 'application/json' },
      checkServerIdentity: () => undefined,
    })
    outgoing.once('error', reject).once('response', (response) => {
      const retryAfter = response.headers['retry-after']
      response.resume().once('end', () => resolve({ status: response.statusCode ?? 0, retryAfter }))
    })
    outgoing.end(JSON.stringify({ token: generateToken(), csr: 'x' }))
  })
}

it('a thousand workloads of one address join at once', async () => {
  const tokens = await mint(1_000)
  expect(await joinAll(tokens)).toEqual({ issued: 1_000 })
  expect(host.authority.issued.list({ kind: 'join', limit: 10_000 })).toHaveLength(1_000)
}, 200_000)

it('a flood of bad tokens is refused with 429, and keeps nobody out who has a good one', async () => {
  const tokens = await mint(100)
  const flood = Array.from({ length: 400 }, knock)
  const joined = joinAll(tokens)
  const answers = await Promise.all(flood)
  const limited = answers.filter(({ status }) => status === 429)
  expect(answers.every(({ status }) => status === 401 || status === 429)).toBe(true)
  expect(limited.length).toBeGreaterThan(50)
  expect(limited.every(({ retryAfter }) => retryAfter === '1')).toBe(true)
  expect(await joined).toEqual({ issued: 100 })
  const refused = host.events.filter(({ action }) => action === 'certificate.refuse')
  expect(refused).toHaveLength(answers.length - limited.length)
}, 200_000)

it('an address has so many connections and no more, and the door goes on', async () => {
  const open = Array.from({ length: JOIN_CONNECTIONS_PER_ADDRESS + 100 }, () => connect(host.door))
  let closed = 0
  for (const socket of open) {
    socket.on('error', () => undefined)
    socket.once('close', () => {
      closed += 1
    })
  }
  await until(() => closed >= 100, 'those beyond the share are closed')
  // On a slow machine the first that were let in have been silent for too long by now.
  expect(closed).toBeLessThanOrEqual(100 + JOIN_ACTIVE_PER_ADDRESS)
  for (const socket of open) socket.destroy()
  await until(() => closed === open.length, 'all are closed')
  const [token = ''] = await mint(1)
  expect(await joinAll([token])).toEqual({ issued: 1 })
}, 200_000)
