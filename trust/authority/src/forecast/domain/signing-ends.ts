import { activeRoot, intermediatesOf } from '../../trust/domain/trust-state.ts'
import { type Finding, type Present, renewsRoot, short } from './present.ts'

interface Signing {
  readonly instance: string
  readonly id: string
  /** When the intermediate ends, and what ends it. */
  readonly end: number
  readonly root: string
}

/** Of each authority that is up, what it signs with and until when, if nobody does anything. */
function signingOf(present: Present): Signing[] {
  const { state, up, endOf } = present
  const active = activeRoot(state.roots)
  if (active === undefined) return []
  const rootEnd = renewsRoot(present) ? Number.POSITIVE_INFINITY : endOf(active.certificate)
  return up.map((instance) => {
    const own = intermediatesOf(state).find(
      (each) => each.instance === instance && each.state === 'active',
    )
    const end = own === undefined ? present.now : endOf(own.certificate)
    const renewed = present.rotation === 'auto' && present.rootKeys.has(active.id)
    return {
      ...{ instance, id: own?.id ?? '', root: active.id },
      end: renewed && own !== undefined ? rootEnd : Math.min(end, rootEnd),
    }
  })
}

/** When authorities that are up sign no more, and what follows from it. */
export function signingEnds(present: Present): Finding[] {
  const { leafMs } = present
  const signing = signingOf(present).filter(({ end }) => Number.isFinite(end))
  if (signing.length === 0 || signing.length < present.up.length) return signing.map(warns)
  const last = Math.max(...signing.map(({ end }) => end))
  const prevent = preventIntermediate(present)
  return [
    ...signing.map(warns),
    {
      ...{ at: last - leafMs / 2, who: 'all authorities', severity: 'breaks', prevent },
      what: 'nobody signs any more: from here on no workload renews and none joins',
    },
    {
      ...{ at: last, who: 'all workloads', severity: 'breaks', prevent },
      what: 'the last intermediate has ended, and with it every certificate: nobody can call anybody',
    },
  ]

  function warns({ instance, id, end }: Signing): Finding {
    const what =
      id === ''
        ? 'it has no intermediate under the active root and signs nothing'
        : `it signs no more: its intermediate ${short(id)} ends ${date(end)}`
    const at = end - leafMs / 2
    return { at, who: instance, severity: 'warns', what, prevent: preventIntermediate(present) }
  }
}

function preventIntermediate({ state, rootKeys, rotation, endOf, now }: Present): string {
  const active = activeRoot(state.roots)
  const isHere = active !== undefined && rootKeys.has(active.id)
  if (!isHere) return 'countersign cert import-root, then countersign cert rotate-intermediate'
  if (rotation === 'auto') return 'countersign cert rotate-root'
  const ends = intermediatesOf(state).map(({ certificate }) => endOf(certificate))
  const isRootsEnd = ends.every((end) => end >= endOf(active.certificate) && end > now)
  return isRootsEnd ? 'countersign cert rotate-root' : 'countersign cert rotate-intermediate'
}

function date(ms: number): string {
  return Number.isFinite(ms) ? new Date(ms).toISOString() : 'never'
}
