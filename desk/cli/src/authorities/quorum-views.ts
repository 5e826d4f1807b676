import type { Quorum } from '@countersign/contract/platform'
import type { Answer } from './authorities.ts'

type View = Quorum['authorities'][number]
export interface Standing {
  readonly instance: string
  /** It has answered. */
  readonly up: boolean
  readonly seenAt: number | undefined
  readonly sequence: number | undefined
  readonly revision: string | undefined
  readonly intermediates: View['intermediates']
}
export interface Standings {
  readonly authorities: readonly Standing[]
  /** All that answered hold the same state of trust. */
  readonly agree: boolean
  readonly allUp: boolean
}

/** Puts together what each authority says of itself and of the others. Each is the best witness of its own state. */
export function standingsOf(answers: readonly Answer<Quorum>[]): Standings {
  const quorums = answers.flatMap((each) => ('value' in each ? [each.value] : []))
  const names = new Set(quorums.flatMap((each) => each.authorities.map((view) => view.instance)))
  const authorities = [...names].toSorted().map((instance) => standingOf(instance, quorums))
  const states = authorities
    .filter(({ up }) => up)
    .map(({ sequence, revision }) => `${sequence} ${revision}`)
  return {
    authorities,
    agree: new Set(states).size <= 1,
    // An address that was silent is an authority whose name nobody may have told.
    allUp: authorities.length >= answers.length && authorities.every(({ up }) => up),
  }
}

function standingOf(instance: string, quorums: readonly Quorum[]): Standing {
  const own = quorums.find((each) => each.instance === instance)
  const views = quorums.flatMap((each) =>
    each.authorities.filter((view) => view.instance === instance),
  )
  const seen = views.map((view) => view.seenAt ?? 0)
  const best =
    own?.authorities.find((view) => view.instance === instance) ??
    views.toSorted((a, b) => (b.seenAt ?? 0) - (a.seenAt ?? 0))[0]
  return {
    instance,
    up: own !== undefined,
    seenAt: seen.some((ms) => ms > 0) ? Math.max(...seen) : undefined,
    sequence: own?.sequence ?? best?.sequence,
    revision: own?.revision ?? best?.revision,
    intermediates: best?.intermediates ?? [],
  }
}
