import { isIP } from 'node:net'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { GATEWAY, type Mounted } from '@countersign/contract'
import { Refusal, renderProblem } from '@countersign/layers'
import type { Context } from '@countersign/service'
import type { Doors } from './door.ts'
import { LOGIN_PATH } from './provider/configuration.ts'

type Application = (request: IncomingMessage, response: ServerResponse) => Promise<void>
type Login = (request: IncomingMessage, response: ServerResponse, uid: string) => Promise<void>

export interface MountParts {
  readonly issuer: string
  readonly provider: () => Application
  readonly login: Login
  readonly doors: Doors
}

/*
 * The way in, from the mesh to the provider.
 *
 * - our own address is the configured one, whatever `Host` and `X-Forwarded-*` say
 * - who asks is told by the gateway alone; from any other workload the header is not believed
 */
export function createMount({ issuer, provider, login, doors }: MountParts) {
  const { host, pathname: base } = new URL(issuer)
  return async ({
    request,
    response,
    permit,
    requestId,
    log,
    call,
  }: Mounted & Context<'identity'>): Promise<void> => {
    const url = request.url ?? ''
    if (!url.startsWith(`${base}/`)) return sendProblem(response, 'ROUTE_UNKNOWN', requestId)
    const ip = addressOf(request, permit.caller)
    const { caller, callerId } = permit
    doors.open(request, { caller, callerId, requestId, ip, log, people: { call } })
    request.headers.host = host
    const below = url.slice(base.length)
    // Where a mounted application looks for the path it is mounted at.
    Object.assign(request, { originalUrl: url, url: below, baseUrl: base })
    const [path = ''] = below.split('?')
    try {
      if (path.startsWith(LOGIN_PATH)) await login(request, response, path.slice(LOGIN_PATH.length))
      else await provider()(request, response)
    } catch (cause) {
      log.error({ err: cause }, 'a request could not be answered')
      if (response.headersSent) response.destroy()
      else sendProblem(response, 'INTERNAL', requestId)
    }
  }
}

/** A mounted application answers for itself: nobody above can send what it throws. */
function sendProblem(
  response: ServerResponse,
  code: 'ROUTE_UNKNOWN' | 'INTERNAL',
  requestId: string,
): void {
  const { status, headers, body } = renderProblem(new Refusal(code), requestId)
  response.writeHead(status, headers).end(body)
}

function addressOf(request: IncomingMessage, caller: string): string | undefined {
  if (caller !== GATEWAY) return request.socket.remoteAddress
  const forwarded = request.headers['x-forwarded-for']
  // The last one is the gateway's own observation; those before it are what others claimed.
  const last =
    String(forwarded ?? '')
      .split(',')
      .at(-1)
      ?.trim() ?? ''
  return isIP(last) === 0 ? undefined : last
}
