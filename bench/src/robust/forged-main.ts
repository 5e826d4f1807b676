import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect, type TLSSocket } from 'node:tls'
import { assertClean } from '../gateway/load.ts'
import { Arena, option } from './arena.ts'

/*
 * npm run long:forged [-- --seconds 20 --rate 5000 --good 200 --sources 250]: tokens whose signature is of the right form and wrong, no
 * two the same, from one address and then from many, while good traffic runs and somebody else's connection stays idle. Ends with
 * code 1 where the p99 of good traffic is 200 ms or more, a good request fails, a forged token passes, or the idle connection is gone.
 */
const seconds = option('seconds', 20)
const rate = option('rate', 5_000)
const goodRate = option('good', 200)
const many = option('sources', 250)
const P99_MS_MAX = 200
const CONNECTIONS = 256

const arena = await Arena.open()
try {
  const { port } = await arena.gateway()
  const [head = '', claims = ''] = arena.mint.token('ES256').split('.')
  const text = JSON.parse(Buffer.from(claims, 'base64url').toString())
  const forged = (i: number, series: string): string => {
    const changed = { ...text, sub: `svc-${i % 1_000}`, jti: `${series}-${i}` }
    const payload = Buffer.from(JSON.stringify(changed)).toString('base64url')
    return `${head}.${payload}.${randomBytes(64).toString('base64url')}`
  }
  const good = await arena.good(port)
  const calm = await good.run({ rate: goodRate, seconds, wrap: true })
  assertClean('alone', calm)
  console.log(`good traffic alone: p99 ${calm.p99Ms.toFixed(2)} ms`)
  const idle = await bystander(port)
  for (const sources of [1, many]) {
    const count = Math.ceil(rate * seconds)
    const series = `f${sources}`
    const file = arena.tokens(
      series,
      Array.from({ length: count }, (_, i) => forged(i, series)),
    )
    const attack = await arena.load(port, { connections: CONNECTIONS, sources })
    await attack.tokens(file)
    const [bad, busy] = await Promise.all([
      attack.run({ rate, seconds, wrap: false }),
      good.run({ rate: goodRate, seconds, wrap: true }),
    ])
    await attack.close()
    assertClean(`with forged tokens from ${sources} addresses`, busy)
    const { p99Ms, maxMs } = busy
    console.log(
      `${(bad.done / bad.seconds).toFixed(0)} forged tokens a second from ${sources} addresses: ` +
        `good traffic has p99 ${p99Ms.toFixed(2)} ms, max ${maxMs.toFixed(0)} ms`,
    )
    if (!(p99Ms < P99_MS_MAX)) fail('the p99 of good traffic is too high')
    if (bad.errors.status !== bad.done) fail('a forged token has passed')
    console.log(`  the first answer to one: ${bad.firstError.slice(0, 200)}`)
  }
  if (!(await isAnswered(idle))) fail('the idle connection is gone')
} finally {
  await arena.close()
}

function fail(what: string): void {
  console.error(what)
  process.exitCode = 1
}

/** A connection of somebody else, with one answer behind it. */
async function bystander(port: number): Promise<TLSSocket> {
  const ca = readFileSync(join(arena.work, 'ca.pem'), 'utf8')
  const socket = connect({
    ...{ host: '127.0.0.1', port, ca, servername: 'localhost' },
    ...{ localAddress: '127.1.0.1' },
  })
  await once(socket, 'secureConnect')
  if (!(await isAnswered(socket))) throw new Error('the bystander is not answered')
  return socket
}
async function isAnswered(socket: TLSSocket): Promise<boolean> {
  if (socket.destroyed || socket.readableEnded) return false
  const answer = Promise.race([once(socket, 'data'), once(socket, 'close').then(() => [''])])
  socket.write('GET /open HTTP/1.1\r\nHost: localhost\r\n\r\n')
  const [bytes] = await answer
  return String(bytes).startsWith('HTTP/1.1 200 ')
}
