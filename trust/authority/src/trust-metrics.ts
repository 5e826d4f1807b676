import type { Quorum, RotationKind, RotationStep } from '@countersign/contract/platform'
import type { Metrics } from '@countersign/ground/telemetry'

/** Asked at each scrape; what cannot be told is missing from it. */
export interface TrustFacts {
  quorum(): Promise<Quorum>
  /** The revocation lists that are served here. `nextUpdate` in milliseconds since 1970. */
  lists(): readonly { readonly issuer: string; readonly nextUpdate: number }[]
}
export interface TrustMetrics {
  /** A step was taken, or refused for so many reasons: the next look will tell. */
  stepped(kind: RotationKind, step: RotationStep, blockers: number): void
}

/** The figures from which Prometheus warns before something ends: every root, intermediate and list, and who is up. */
export function countTrustState(metrics: Metrics, facts: TrustFacts): TrustMetrics {
  const state = ['state'] as const
  metrics.gauge(
    'countersign_root_expiry_timestamp_seconds',
    'When a root ends',
    ['root', ...state],
    async function () {
      const { roots } = await facts.quorum()
      this.reset()
      for (const { id, state, notAfter } of roots) this.set({ root: id, state }, notAfter / 1_000)
    },
  )
  metrics.gauge(
    'countersign_intermediate_expiry_timestamp_seconds',
    'When an intermediate ends, of this authority and of those that it knows',
    ['authority', 'intermediate', ...state],
    async function () {
      const { authorities } = await facts.quorum()
      this.reset()
      for (const { instance, intermediates } of authorities)
        for (const { id, state, notAfter } of intermediates)
          this.set({ authority: instance, intermediate: id, state }, notAfter / 1_000)
    },
  )
  metrics.gauge(
    'countersign_authority_peer_up',
    '1 where an authority is heard of, as this one sees it',
    ['authority'],
    async function () {
      const { authorities } = await facts.quorum()
      this.reset()
      for (const { instance, up } of authorities) this.set({ authority: instance }, Number(up))
    },
  )
  metrics.gauge(
    'countersign_crl_next_update_timestamp_seconds',
    'Until when a revocation list counts',
    ['issuer'],
    function () {
      this.reset()
      for (const { issuer, nextUpdate } of facts.lists()) this.set({ issuer }, nextUpdate / 1_000)
    },
  )
  const blocked = metrics.gauge(
    'countersign_rotation_blockers',
    'What stood in the way of a step of a rotation when it was tried last',
    ['kind', 'step'],
  )
  return {
    stepped: (kind, step, blockers) => {
      // A step that is taken ends the wait for all of its kind.
      if (blockers === 0) for (const each of STEPS) blocked.remove({ kind, step: each })
      else blocked.set({ kind, step }, blockers)
    },
  }
}
const STEPS: readonly RotationStep[] = ['prepare', 'activate', 'retire', 'rollback']
