import { connect } from 'node:net'
import { DeskError, systemCode } from '../errors.ts'
import { REDIS_REACH_MS_MAX } from '../limits.ts'

const REDIS_PORT = 6379

/**
 * Throws `DeskError` ENVIRONMENT where nothing listens at a configured Redis. It may go away later, and limits fall to
 * shares then; but one that is not there at the start is a mistake. The address can hold a password: host and port are all that is said.
 */
export async function requireRedis(url: string): Promise<void> {
  const { hostname, port } = new URL(url)
  const at = {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? REDIS_PORT : Number(port),
  }
  const fault = await new Promise<string | undefined>((resolve) => {
    const socket = connect(at, () => {
      socket.destroy()
      resolve(undefined)
    })
    socket.setTimeout(REDIS_REACH_MS_MAX, () => {
      socket.destroy()
      resolve('no answer in time')
    })
    socket.on('error', (error) => resolve(systemCode(error) ?? error.message))
  })
  if (fault === undefined) return
  throw new DeskError(
    'ENVIRONMENT',
    `the Redis at ${at.host}:${at.port} cannot be reached (${fault}).\nStart it, or change "redis" in the configuration: auto, off, or another address`,
  )
}
