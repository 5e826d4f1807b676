import { intermediatesOf } from '../../trust/domain/trust-state.ts'
import { type Finding, type Present, renewsRoot, short } from './present.ts'

/** Of authorities that are away: nobody renews their intermediates and their lists. */
export function awayEnd(present: Present): Finding[] {
  const { state, up, endOf, lists, outside } = present
  const away = intermediatesOf(state).filter(({ instance }) => !up.includes(instance))
  const renewsItself = present.rotation === 'auto' && renewsRoot(present)
  return away.flatMap(({ instance, id, state: stage, certificate }): Finding[] => {
    const found: Finding[] = []
    const prevent = `start ${instance}`
    if (stage === 'active' && !renewsItself) {
      const what = `it is away, and its intermediate ${short(id)} ends: it cannot sign when it comes back`
      found.push({ at: endOf(certificate), who: instance, severity: 'warns', what, prevent })
    }
    const until = lists.get(id)
    if (until !== undefined && outside.some(({ issuer }) => issuer === id)) {
      const what = `it is away, and its list of revocations is not renewed: clients outside may refuse certificates of ${short(id)}`
      found.push({ at: until, who: instance, severity: 'breaks', what, prevent })
    }
    return found
  })
}

/** Workloads renew at half of their life. Who has less than a quarter left does not. */
export function workloadsEnd({ shown, now, leafMs }: Present): Finding[] {
  return shown
    .filter(({ notAfter }) => notAfter > now && notAfter - now < leafMs / 4)
    .map(({ who, notAfter }) => ({
      ...{ at: notAfter, who, severity: 'breaks' },
      what: 'its certificate ends, and it has not renewed it although it is time',
      prevent: `countersign logs ${who}: it says why`,
    }))
}

/** Certificates of clients outside of the mesh. */
export function outsideEnds({ outside, now }: Present): Finding[] {
  return outside
    .filter(({ notAfter }) => notAfter > now)
    .map(({ name, notAfter }) => ({
      ...{ at: notAfter, who: cut(name), severity: 'breaks' },
      what: 'its certificate ends',
      prevent: 'its ACME client has to renew it',
    }))
}

/** What follows when no authority is up. */
export function nobodyUp({ now, wordMs }: Present): Finding[] {
  const prevent = 'countersign up'
  return [
    {
      ...{ at: now, who: 'all authorities', severity: 'breaks', prevent },
      what: 'none is up: no workload renews and none joins',
    },
    {
      ...{ at: now + wordMs, who: 'all workloads', severity: 'breaks', prevent },
      what: 'the last word about revocations is too old: no door believes any certificate',
    },
  ]
}

function cut(name: string): string {
  return name.length <= 256 ? name : `${name.slice(0, 255)}…`
}
