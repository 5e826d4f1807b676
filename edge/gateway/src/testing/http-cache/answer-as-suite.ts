import type { IncomingMessage, ServerResponse } from 'node:http'
import handleConfig from 'http-cache-tests/server/handle-config.mjs'
import handleState from 'http-cache-tests/server/handle-state.mjs'
import handleTest from 'http-cache-tests/server/handle-test.mjs'
import type { UpstreamServer } from '../upstream-server.ts'

/** Makes an instance answer as the suite's own server does: as each case says, and remembering what it was asked. */
export function answerAsSuite({ server }: UpstreamServer): void {
  server.removeAllListeners('request')
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const { pathname } = new URL(request.url ?? '/', 'https://suite')
    const [, name = '', ...segments] = pathname.split('/')
    const handle = HANDLERS.get(name)
    if (handle === undefined) response.writeHead(404).end()
    else handle(segments, request, response)
  })
}
const HANDLERS = new Map([
  ['config', handleConfig],
  ['state', handleState],
  ['test', handleTest],
])
