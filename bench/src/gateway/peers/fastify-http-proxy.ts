import proxy from '@fastify/http-proxy'
import Fastify from 'fastify'
import { authorize, clientTls, PORT, serverTls, UPSTREAM, type Verdict } from './common.ts'

/* @fastify/http-proxy: the best-known fast proxy of Node, with a pool of undici towards the upstream. */
const app = Fastify({ https: serverTls, logger: false, keepAliveTimeout: 75_000 })
app.register(proxy, {
  upstream: UPSTREAM,
  prefix: '/',
  http2: false,
  undici: { connections: 128, pipelining: 1, keepAliveTimeout: 60_000, connect: clientTls },
  preHandler: async (request, reply) => {
    const verdict = await authorize(request.method, request.url, request.headers)
    if (verdict.status !== 200) return reply.code(verdict.status).send()
    Object.assign(request, { verdict })
    return undefined
  },
  replyOptions: {
    rewriteRequestHeaders: (request, headers) => {
      const { verdict } = request as unknown as { verdict: Verdict }
      return { ...headers, 'x-auth-subject': verdict.sub, 'x-auth-role': verdict.role }
    },
  },
})
await app.listen({ port: PORT, host: '127.0.0.1', backlog: 4096 })
