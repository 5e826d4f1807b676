/** Real database engines for one machine, without container: each on a unix socket, none on TCP. */
export { type Dynamo, startDynamo } from './dynamo/start.ts'
export { type Engine, EngineError } from './engine.ts'
export type { DatabaseWish } from './postgres/database.ts'
export { type Postgres, startPostgres } from './postgres/start.ts'
export { wipe } from './postgres/wipe.ts'
export { shortSocketPath } from './private-folder.ts'
export type { RedisUser } from './redis/acl.ts'
export { NO_REDIS, type Redis, startRedis } from './redis/start.ts'
