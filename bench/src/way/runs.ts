import { type Spread, spreadOf } from '../gateway/report/results.ts'
import type { LoadReport } from '../gateway/load.ts'
import type { Line as AnyLine } from './lines.ts'
import type { Way } from './way.ts'

/* What is measured of the whole way; each answers with a line of figures. */
const ORDER = '/orders/ping'
const RATE = 2_000
const ADDED_RATE = 1_000
const ADDED_CONNECTIONS = 16
const CONNECTIONS = 1_000

type Line = Required<AnyLine>
const line = (name: string, { perSecond, p50Ms, p90Ms, p99Ms, p999Ms }: LoadReport): Line => ({
  ...{ name, perSecond, p50Ms, p90Ms, p99Ms, p999Ms },
})

/** 1000 connections, each with a request under way at any time. */
export async function closedLoop(way: Way, seconds: number): Promise<Line[]> {
  const load = await way.whole(ORDER, CONNECTIONS)
  await way.warmUp(load)
  const report = await way.run(load, { rate: 0, seconds })
  await load.close()
  return [line(`the whole way, ${CONNECTIONS} connections, closed loop`, report)]
}

/** 2000 requests a second over 1000 connections, due whatever became of those before. */
export async function openLoop(way: Way, seconds: number): Promise<Line[]> {
  const load = await way.whole(ORDER, CONNECTIONS)
  await way.warmUp(load)
  const report = await way.run(load, { rate: RATE, seconds })
  await load.close()
  return [line(`the whole way, ${RATE} requests/s, open loop, ${CONNECTIONS} connections`, report)]
}

/** The same call of one service with balancer and gateway and without, in turns, at 1000 requests a second. */
export async function added(way: Way, seconds: number, rounds: number): Promise<Line[]> {
  const pong = await way.pong()
  const whole = await way.whole(pong.path, ADDED_CONNECTIONS)
  const direct = await pong.direct(ADDED_CONNECTIONS)
  await way.warmUp(whole)
  await way.warmUp(direct)
  const reports = { whole: [] as LoadReport[], direct: [] as LoadReport[] }
  for (let round = 0; round < rounds; round++) {
    reports.direct.push(await way.run(direct, { rate: ADDED_RATE, seconds }))
    reports.whole.push(await way.run(whole, { rate: ADDED_RATE, seconds }))
  }
  const through = medianOf(
    `one service, ${ADDED_RATE} requests/s, by balancer and gateway`,
    reports.whole,
  )
  const straight = medianOf(
    `one service, ${ADDED_RATE} requests/s, straight by mutual TLS`,
    reports.direct,
  )
  return [through, straight, differenceOf(through, straight)]
}

function medianOf(name: string, reports: readonly LoadReport[]): Line {
  const median = (pick: (report: LoadReport) => number): number => {
    const spread: Spread = spreadOf(reports.map(pick))
    return spread.median
  }
  return {
    name,
    perSecond: median((one) => one.perSecond),
    p50Ms: median((one) => one.p50Ms),
    p90Ms: median((one) => one.p90Ms),
    p99Ms: median((one) => one.p99Ms),
    p999Ms: median((one) => one.p999Ms),
  }
}

/** Of two medians: what balancer and gateway add to each of them. */
function differenceOf(a: Line, b: Line): Line {
  return {
    ...{ name: 'added by balancer and gateway', perSecond: a.perSecond },
    ...{ p50Ms: a.p50Ms - b.p50Ms, p90Ms: a.p90Ms - b.p90Ms },
    ...{ p99Ms: a.p99Ms - b.p99Ms, p999Ms: a.p999Ms - b.p999Ms },
  }
}
