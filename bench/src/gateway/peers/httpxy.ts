import { Agent, createServer } from 'node:https'
import { createProxyServer } from 'httpxy'
import { authorize, clientTls, PORT, serverTls, UPSTREAM } from './common.ts'

/* httpxy, the maintained successor of http-proxy, on a bare https server: no framework. */
const agent = new Agent({ ...clientTls, keepAlive: true, maxSockets: 128, maxFreeSockets: 128 })
const proxy = createProxyServer({ target: UPSTREAM, agent })
proxy.on('error', (_error, _request, response) => {
  if (response !== undefined && 'writeHead' in response && !response.headersSent)
    response.writeHead(502)
  response?.end()
})
createServer({ ...serverTls, keepAliveTimeout: 75_000 }, async (request, response) => {
  const verdict = await authorize(request.method, request.url, request.headers)
  if (verdict.status !== 200) {
    response.statusCode = verdict.status
    response.end()
    return
  }
  request.headers['x-auth-subject'] = verdict.sub
  request.headers['x-auth-role'] = verdict.role
  // What goes wrong is told by the event above.
  proxy.web(request, response).catch(() => undefined)
}).listen(PORT, '127.0.0.1', 4096)
