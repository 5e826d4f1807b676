import { limitRounds, type Round } from '../support/limit-rounds.ts'
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
  tell('with Redis', withRedis, (round) => round.passed === 5)
  const passed = withRedis.reduce((sum, round) => sum + round.passed, 0)
  const used = 1000 - Math.min(...withRedis.map((round) => round.hourLeft))
  console.log(`of the hour were used ${used}, passed in counted seconds ${passed}`)
  const admin = await platform.token('admin')
  process.kill(redis.pid, 'SIGSTOP')
  const without = await limitRounds(platform, admin, {
    rounds: Math.ceil(rounds / 4),
    parallel: 200,
  })
  process.kill(redis.pid, 'SIGCONT')
  tell('with Redis stopped', without, (round) => round.passed <= 5)
} finally {
  await platform.stop('--wipe')
}

function tell(what: string, seen: readonly Round[], holds: (round: Round) => boolean): void {
  const counts = seen.map((round) => round.passed)
  const others = seen.flatMap((round) => round.other)
  const good = seen.length > 0 && seen.every(holds) && others.length === 0
  const verdict = good ? 'holds' : 'DOES NOT HOLD'
  console.log(
    `${what}: ${seen.length} seconds, passed in each ${Math.min(...counts)} to ${Math.max(...counts)}, other answers ${others.length}: ${verdict}`,
  )
  if (!good) process.exitCode = 1
}
