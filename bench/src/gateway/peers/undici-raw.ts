import type { ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import { type Dispatcher, Pool } from 'undici'
import { authorize, clientTls, PORT, serverTls, UPSTREAM } from './common.ts'

/* A bare https server and undici's dispatch with raw headers: what Node's own parts give, without a framework. */
const ENDS_HERE = new Set([
  ...['connection', 'keep-alive', 'transfer-encoding', 'te', 'upgrade', 'proxy-connection'],
  ...['x-auth-subject', 'x-auth-role', 'host'],
])
const pool = new Pool(UPSTREAM, {
  ...{ connections: 128, pipelining: 1, keepAliveTimeout: 60_000, keepAliveMaxTimeout: 600_000 },
  ...{ connect: clientTls, headersTimeout: 10_000, bodyTimeout: 10_000 },
})

createServer({ ...serverTls, keepAliveTimeout: 75_000 }, async (request, response) => {
  const verdict = await authorize(request.method, request.url, request.headers)
  if (verdict.status !== 200) {
    response.writeHead(verdict.status, ['content-length', '0'])
    response.end()
    return
  }
  const headers = ['x-auth-subject', verdict.sub, 'x-auth-role', verdict.role]
  const raw = request.rawHeaders
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] ?? ''
    if (!ENDS_HERE.has(name.toLowerCase())) headers.push(name, raw[i + 1] ?? '')
  }
  const method = (request.method ?? 'GET') as Dispatcher.HttpMethod
  const body = method === 'GET' ? null : request
  pool.dispatch({ method, path: request.url ?? '/', headers, body }, answerTo(response))
}).listen(PORT, '127.0.0.1', 4096)

function answerTo(response: ServerResponse): Dispatcher.DispatchHandler {
  let goOn = (): void => {}
  return {
    onConnect() {},
    onError() {
      if (!response.headersSent) response.writeHead(502)
      response.end()
    },
    onHeaders(status, headers, resume) {
      const kept: string[] = []
      for (let i = 0; i + 1 < headers.length; i += 2) {
        const name = String(headers[i])
        if (!ENDS_HERE.has(name.toLowerCase())) kept.push(name, String(headers[i + 1]))
      }
      response.writeHead(status, kept)
      response.cork()
      goOn = resume
      return true
    },
    onData(chunk) {
      if (response.write(chunk)) return true
      response.once('drain', goOn)
      return false
    },
    onComplete() {
      response.end()
    },
  }
}
