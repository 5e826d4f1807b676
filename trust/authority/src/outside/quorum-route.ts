import { createHash, X509Certificate } from 'node:crypto'
import type { Quorum } from '@countersign/contract/platform'
import type { OutsideRoute } from './outside-route.ts'
import { QUORUM_PAGE_CSP, quorumPage } from './quorum-page.ts'

export interface QuorumRouteParts {
  readonly trustDomain: string
  /** What this authority knows of all. */
  quorum(): Quorum | Promise<Quorum>
  /** The roots to trust: PEM of each certificate, with its key id. */
  roots(): readonly { readonly id: string; readonly certificate: string }[]
  /** Key ids of the issuers whose lists the door serves. */
  lists(): readonly string[]
  readonly now?: () => number
}

/** The page at the root of the outside door: who is up, and what they sign with. */
export function quorumRoute(parts: QuorumRouteParts): OutsideRoute {
  return {
    method: 'GET',
    path: '/',
    handle: async () => ({
      status: 200,
      headers: {
        'content-type': 'text/html; charset=utf-8',
        'content-security-policy': QUORUM_PAGE_CSP,
        'cache-control': 'no-store',
        'referrer-policy': 'no-referrer',
        'cross-origin-opener-policy': 'same-origin',
      },
      body: quorumPage({
        trustDomain: parts.trustDomain,
        quorum: await parts.quorum(),
        fingerprints: new Map(parts.roots().map((root) => [root.id, fingerprint(root)])),
        lists: parts.lists(),
        now: (parts.now ?? Date.now)(),
      }),
    }),
  }
}

function fingerprint({ certificate }: { certificate: string }): string {
  return createHash('sha256').update(new X509Certificate(certificate).raw).digest('hex')
}
