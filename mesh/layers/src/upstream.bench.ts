/*
 * Requests per second over pooled mutual TLS on the loopback, keep-alive, 1 KiB JSON there and back.
 * The server is a process of its own. Run: node --conditions=countersign:source mesh/layers/src/upstream.bench.ts
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:https'
import { createTestLog } from './testing/issuer.ts'
import { idOf, type TestCredential, TestIdentity, TestPki } from './testing/pki.ts'
import { createUpstream } from './upstream.ts'

const SECONDS = 4
const BODY = JSON.stringify({ text: 'x'.repeat(1_024 - 11) })

function serve({ chain, key, ca }: TestCredential & { ca: string }): void {
  const options = { cert: chain, key, ca, requestCert: true, minVersion: 'TLSv1.3' as const }
  const server = createServer(options, (request, response) => {
    request.resume().on('end', () => {
      const headers = { 'content-type': 'application/json', 'content-length': BODY.length }
      response.writeHead(200, headers).end(BODY)
    })
  })
  server.keepAliveTimeout = 75_000
  server.listen(0, '127.0.0.1', () => process.send?.(server.address()))
}

async function measure(port: number, pki: TestPki, concurrency: number): Promise<string> {
  const upstream = createUpstream({
    address: { host: '127.0.0.1', port },
    expectedId: idOf('payment'),
    identity: new TestIdentity(await pki.svid('order'), pki.bundle),
    log: createTestLog().log,
  })
  const headers = ['content-type', 'application/json', 'x-request-id', '0123456789abcdef']
  const request = { method: 'POST', path: '/charge', headers, body: BODY, timeoutMs: 5_000 }
  let ends = performance.now() + 1_000
  const worker = async (tookMs: number[]): Promise<void> => {
    while (performance.now() < ends) {
      const began = performance.now()
      const reply = await upstream.request(request)
      if (reply.status !== 200 || reply.body.length !== BODY.length) throw new Error('wrong answer')
      tookMs.push(performance.now() - began)
    }
  }
  const run = (tookMs: number[]) =>
    Promise.all(Array.from({ length: concurrency }, () => worker(tookMs)))
  await run([])
  const tookMs: number[] = []
  ends = performance.now() + SECONDS * 1_000
  const before = process.cpuUsage()
  await run(tookMs)
  const { user, system } = process.cpuUsage(before)
  await upstream.close()
  tookMs.sort((a, b) => a - b)
  const at = (share: number) => (tookMs[Math.floor(tookMs.length * share)] ?? 0).toFixed(1)
  const cpuUs = ((user + system) / tookMs.length).toFixed(0)
  const rate = Math.round(tookMs.length / SECONDS)
  const userUs = (user / tookMs.length).toFixed(0)
  return `${concurrency} in flight: ${rate}/s, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, client CPU ${cpuUs} us a request, ${userUs} of them outside of the kernel`
}

process.once('message', serve)
if (process.send === undefined) {
  const pki = await TestPki.create()
  const child = fork(import.meta.filename)
  child.send({ ...(await pki.svid('payment')), ca: pki.bundle })
  const [address] = (await once(child, 'message')) as [{ port: number }]
  for (const concurrency of [1, 64, 1_000])
    process.stdout.write(`${await measure(address.port, pki, concurrency)}\n`)
  child.kill()
}
