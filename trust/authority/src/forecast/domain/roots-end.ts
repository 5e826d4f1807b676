import type { RootEntry } from '@countersign/contract/platform'
import { intermediatesOf } from '../../trust/domain/trust-state.ts'
import { type Finding, type Present, renewsRoot, short } from './present.ts'

/** When roots end that nobody replaces or leaves. */
export function rootsEnd(present: Present): Finding[] {
  return present.state.roots.entries.flatMap((root): Finding[] => {
    const at = present.endOf(root.certificate)
    if (root.state === 'active') return renewsRoot(present) ? [] : [activeEnds(present, root, at)]
    const who = `root ${short(root.id)}`
    if (root.state === 'next') {
      const what = 'it ends, and has not signed anything yet'
      return [
        {
          at,
          who,
          severity: 'warns',
          what,
          prevent: 'countersign cert rotate-root --step rollback',
        },
      ]
    }
    const users = usersOf(present, root, at)
    if (users.length === 0) return []
    const what = `it ends, while ${users.slice(0, 8).join(', ')} still show certificates under it`
    const prevent = 'renew them; then countersign cert rotate-root --step retire'
    return [{ at, who, severity: 'breaks', what: what.slice(0, 512), prevent }]
  })
}

function activeEnds({ rootKeys }: Present, root: RootEntry, at: number): Finding {
  const bring = rootKeys.has(root.id) ? '' : 'countersign cert import-root, then '
  return {
    ...{ at, who: `root ${short(root.id)}`, severity: 'breaks' },
    what: 'it ends: no certificate below it is believed any more',
    prevent: `${bring}countersign cert rotate-root`,
  }
}

/** Who shows a certificate under this root that would last to its end. */
function usersOf({ state, shown, outside }: Present, root: RootEntry, end: number): string[] {
  const below = new Set(
    intermediatesOf(state)
      .filter((each) => each.root === root.id)
      .map(({ id }) => id),
  )
  const isUser = (each: { issuer: string; notAfter: number }) =>
    below.has(each.issuer) && each.notAfter >= end - 1_000
  const users = [
    ...shown.filter(isUser).map(({ who }) => who),
    ...outside.filter(isUser).map(({ name }) => name),
  ]
  return [...new Set(users)].toSorted()
}
