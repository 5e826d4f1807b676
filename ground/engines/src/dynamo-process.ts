import { chmodSync, rmSync } from 'node:fs'
import dynalite from 'dynalite'
import { DYNAMO_CONNECTIONS_MAX, DYNAMO_REQUEST_MS_MAX } from './limits.ts'

/*
 * dynalite as a process of its own: `node dynamo-process.ts <data folder> <socket>`. It listens on the unix socket
 * only, says "ready" to its parent, and ends with it.
 */
// What this process writes is for its owner only.
process.umask(0o077)
const [, , path = '', socketPath = ''] = process.argv
const server = dynalite({ path, createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 })
server.maxConnections = DYNAMO_CONNECTIONS_MAX
server.requestTimeout = DYNAMO_REQUEST_MS_MAX
server.headersTimeout = DYNAMO_REQUEST_MS_MAX

// dynalite throws when a client goes away in the middle of a body; that must not end the whole server.
server.on('request', (request, response) => {
  request.removeAllListeners('error')
  request.on('error', () => response.destroy())
})

// What a crash left behind; the parent made sure that nobody listens there.
rmSync(socketPath, { force: true })
server.listen(socketPath, () => {
  chmodSync(socketPath, 0o600)
  process.send?.('ready')
})

let stopping = false
function stop(): void {
  if (stopping) return
  stopping = true
  server.close(() => process.exit(0))
  server.closeIdleConnections()
  setTimeout(() => server.closeAllConnections(), 1_000).unref()
}
process.on('SIGTERM', stop)
process.on('disconnect', stop)
