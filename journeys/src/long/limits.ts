import { limitRounds, type Rounds } from '../support/limit-rounds.ts'
import { startPlatform } from '../support/platform.ts'

/* 200 parallel requests of one person against 5 per second and 1000 per hour, over both gateways; then without Redis. */
const rounds = Number(process.argv[2] ?? 60)
const platform = await startPlatform()
try {
  const { engines } = await platform.json<{ engines: { name: string; pid: number | null }[] }>(
    'status',
  )
  const redis = engines.find((engine) => engine.name === 'redis')
  if (redis?.pid == null) throw new Error('redis-server is needed: install it and try again')
  const withRedis = await limitRounds(platform, await platform.token('customer'), {
    rounds,
    parallel: 200,
  })
  tell('with Redis', withRedis, (passed) => passed === 5)
  for (const { passed, used } of withRedis.hours) {
    console.log(`of the hour were used ${used}, passed ${passed}`)
    if (used !== passed) process.exitCode = 1
  }
  const admin = await platform.token('admin')
  process.kill(redis.pid, 'SIGSTOP')
  const without = await limitRounds(platform, admin, {
    rounds: Math.ceil(rounds / 4),
    parallel: 200,
  })
  process.kill(redis.pid, 'SIGCONT')
  tell('with Redis stopped', without, (passed) => passed <= 5)
} finally {
  await platform.stop('--wipe')
}

function tell(what: string, seen: Rounds, holds: (passed: number) => boolean): void {
  const counts = seen.within.map((round) => round.passed)
  const others = [...seen.within, ...seen.over].flatMap((round) => round.other)
  const runOver = seen.over.every((round) => round.passed <= 5 * round.seconds)
  const good = counts.length > 0 && counts.every(holds) && runOver && others.length === 0
  const verdict = good ? 'holds' : 'DOES NOT HOLD'
  console.log(
    `${what}: ${counts.length} seconds, passed in each ${Math.min(...counts)} to ${Math.max(...counts)}, ${seen.over.length} bursts ran over, other answers ${others.length}: ${verdict}`,
  )
  if (!good) process.exitCode = 1
}
