import type { OutsideRoute } from './outside-route.ts'

export interface BasicRouteParts {
  /** PEM of the roots. */
  bundle(): string
  /** Whether the authority can do its work. */
  ready(): boolean
}

/** What everybody may see: the roots to trust, and whether anyone is there. */
export function basicRoutes({ bundle, ready }: BasicRouteParts): OutsideRoute[] {
  return [
    {
      method: 'GET',
      path: '/roots.pem',
      handle: () => ({
        status: 200,
        headers: { 'content-type': 'application/x-pem-file', 'cache-control': 'max-age=60' },
        body: bundle(),
      }),
    },
    {
      method: 'GET',
      path: '/health',
      handle: () => {
        const up = ready()
        return {
          status: up ? 200 : 503,
          headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
          body: JSON.stringify({ status: up ? 'up' : 'down' }),
        }
      },
    },
  ]
}
