import type { OutsideReply, OutsideRequest, OutsideRoute } from '../outside/outside-route.ts'
import type { AcmeParts, AcmeReply } from './call.ts'
import { renewalInfo } from './certificate/renewal-info.ts'
import type { Authenticator } from './jws/authenticate.ts'
import { BODY_BYTES_MAX } from './limits.ts'
import type { Nonces } from './nonces.ts'
import { AcmeProblem, toProblem } from './problem.ts'
import { ROUTES } from './routes.ts'
import { Urls } from './urls.ts'

/*
 * How ACME looks on the wire. Every answer, a refusal too, brings a fresh nonce, the way to the directory, and is for no
 * cache. A resource that is asked with a signature refuses a plain GET with 405 (RFC 8555, 6.3).
 */
export interface DoorParts extends AcmeParts {
  readonly nonces: Nonces
  readonly authenticator: Authenticator
}

/** The routes of the ACME server, for the outside door. */
export function acmeRoutes(parts: DoorParts): OutsideRoute[] {
  const signed = ROUTES.flatMap(({ path, way, run }): OutsideRoute[] => [
    route(parts, 'POST', path, async (request, urls) => {
      // The query is part of the url that is signed (RFC 8555, 6.4), though no resource of ours has one.
      const query = request.query.size > 0 ? `?${request.query}` : ''
      const url = `${request.baseUrl}${request.path}`
      const proven = parts.authenticator.authenticate(
        {
          ...{ url: `${url}${query}`, accountUrl: urls.account(''), body: request.body },
          contentType: request.headers['content-type'],
        },
        way,
      )
      const { params, address, requestId } = request
      return await run(parts, { ...proven, url, urls, params, address, requestId })
    }),
    route(parts, 'GET', path, () => {
      const detail = 'this resource is asked with POST'
      throw new AcmeProblem('malformed', detail, { status: 405, headers: { allow: 'POST' } })
    }),
  ])
  return [
    route(parts, 'GET', '/acme/directory', (_, urls) => directory(parts, urls)),
    route(parts, 'HEAD', '/acme/new-nonce', () => ({ status: 200 })),
    route(parts, 'GET', '/acme/new-nonce', () => ({ status: 204 })),
    route(parts, 'GET', '/acme/renewal-info/:id', ({ params }) =>
      renewalInfo(parts, params.id ?? ''),
    ),
    ...signed,
  ]
}

/** RFC 8555, 7.1.1. */
function directory({ config }: AcmeParts, urls: Urls): AcmeReply {
  const { termsOfService, website, caaIdentities } = config
  return {
    status: 200,
    body: {
      newNonce: urls.newNonce(),
      newAccount: urls.newAccount(),
      newOrder: urls.newOrder(),
      revokeCert: urls.revokeCertificate(),
      keyChange: urls.keyChange(),
      renewalInfo: urls.renewalInfo(),
      meta: {
        ...(termsOfService === undefined ? {} : { termsOfService }),
        ...(website === undefined ? {} : { website }),
        ...(caaIdentities.length === 0 ? {} : { caaIdentities }),
        externalAccountRequired: config.bindingRequired,
      },
    },
  }
}

type Act = (request: OutsideRequest, urls: Urls) => AcmeReply | Promise<AcmeReply>

function route(
  parts: DoorParts,
  method: OutsideRoute['method'],
  path: string,
  act: Act,
): OutsideRoute {
  return {
    ...{ method, path, bodyBytesMax: BODY_BYTES_MAX },
    handle: async (request) => {
      const urls = new Urls(request.baseUrl)
      const nonce = parts.nonces.next()
      try {
        return render(await act(request, urls), urls, nonce)
      } catch (error) {
        const problem = toProblem(error)
        const { address, requestId } = request
        parts.events.refused(path, problem, { address, requestId })
        return renderRefusal(problem, urls, nonce)
      }
    },
  }
}

function render(reply: AcmeReply, urls: Urls, nonce: string): OutsideReply {
  const { status, body, pem, location, links = [], retryAfterSeconds } = reply
  const type = pem === undefined ? 'application/json' : 'application/pem-certificate-chain'
  const link = [{ url: urls.directory(), rel: 'index' }, ...links]
    .map(({ url, rel }) => `<${url}>;rel="${rel}"`)
    .join(', ')
  return {
    status,
    headers: {
      ...common(nonce),
      link,
      ...(body === undefined && pem === undefined ? {} : { 'content-type': type }),
      ...(location === undefined ? {} : { location }),
      ...(retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) }),
    },
    body: pem ?? (body === undefined ? '' : JSON.stringify(body)),
  }
}

function renderRefusal(problem: AcmeProblem, urls: Urls, nonce: string): OutsideReply {
  const { link, ...headers } = problem.facts.headers ?? {}
  const index = `<${urls.directory()}>;rel="index"`
  return {
    status: problem.status,
    headers: {
      ...common(nonce),
      ...headers,
      link: link === undefined ? index : `${index}, ${link}`,
      'content-type': 'application/problem+json',
    },
    body: JSON.stringify(problem),
  }
}

function common(nonce: string): Record<string, string> {
  return { 'replay-nonce': nonce, 'cache-control': 'no-store' }
}
