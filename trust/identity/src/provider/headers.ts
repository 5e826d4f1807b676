import { Refusal, renderProblem } from '@countersign/layers'
import type { KoaContextWithOIDC } from 'oidc-provider'
import type { Doors } from '../door.ts'
import { pageHeaders } from '../login/html.ts'

/**
 * Wraps all that the provider answers: the headers of our pages, and a problem where there is nothing.
 * They are set before, so that the provider can allow its one script by hash where it has to post a form.
 */
export function createHeaders(doors: Doors) {
  return async (ctx: KoaContextWithOIDC, next: () => Promise<void>): Promise<void> => {
    ctx.set(pageHeaders())
    await next()
    if (ctx.status === 404 && ctx.body === undefined) {
      const problem = renderProblem(new Refusal('ROUTE_UNKNOWN'), doors.of(ctx.req).requestId)
      ctx.status = problem.status
      ctx.set(problem.headers)
      ctx.body = problem.body
    }
    allowReturn(ctx)
  }
}

/** A form that the provider posts on the way back to a client needs the client's origin as a target. */
function allowReturn(ctx: KoaContextWithOIDC): void {
  const back = ctx.oidc?.entities.Interaction?.params.redirect_uri ?? ctx.oidc?.params?.redirect_uri
  const origin = typeof back === 'string' ? URL.parse(back)?.origin : undefined
  if (origin === undefined || origin === 'null' || ctx.type !== 'text/html') return
  const policy = ctx.response.get('content-security-policy')
  ctx.set(
    'content-security-policy',
    policy.replace(/form-action[^;]*/, `form-action 'self' ${origin}`),
  )
}
