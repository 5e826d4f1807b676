import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { PluginTools } from '@countersign/kong'
import { RENEWAL_LEASE_MS_MORE, RENEWAL_PAUSE_MS_MAX, RENEWAL_PAUSE_MS_MIN } from '../limits.ts'
import { createSealedBox } from '../support/sealed-box.ts'
import type { OidcConfig } from './config.ts'
import { keptMsOf, type Outcome } from './renewals.ts'
import { type Kept, readSession } from './session.ts'
import { boundTo } from './sessions.ts'

/*
 * One refresh of a session over all gateways:
 *
 * 1. who is first puts a lease, refreshes, and puts what came of it in the place of the lease
 * 2. others look there until it is told, or the lease is over: then one of them takes it
 * 3. who comes later with the old tokens finds what came of them, for RENEWAL_KEPT_MS
 *
 * A lease lasts as long as its holder may ask, so that one that has died holds up nobody for longer, and one that lives
 * has always ended before. Who has seen a lease never asks beside it, even if the store is lost: the holder has used the
 * refresh token, and a second use ends the session at a careful issuer (RFC 9700 section 4.14.2). Where nobody can say
 * whether there is a lease, each gateway goes by itself.
 *
 * The store sees a hash of the refresh token, and the outcome sealed under the session secret together with that hash: who
 * can write there can hold a refresh up, and give nobody another's session.
 */
export function createFleetRenewal(config: OidcConfig, { fleet }: Pick<PluginTools, 'fleet'>) {
  const purpose = JSON.stringify(['renewal', ...boundTo(config)])
  const box = createSealedBox(config.session_secret ?? '', purpose)
  const leaseMs = 2 * config.timeout + RENEWAL_LEASE_MS_MORE

  const readOutcome = (key: string, text: string | undefined): Outcome | undefined => {
    const plain = text === undefined ? undefined : box.open(text)
    if (plain === undefined) return undefined
    // Only this plugin seals: what opens is what it has written.
    const told = JSON.parse(plain) as Told
    if (told.key !== key) return undefined
    if (told.kept === undefined) return told.outcome
    const session = readSession(told.kept)
    return session && { session }
  }
  const hold = async (
    key: string,
    lease: string,
    ask: () => Promise<Outcome>,
  ): Promise<Outcome> => {
    const outcome = await ask()
    const told: Told =
      'session' in outcome
        ? { key, kept: { ...outcome.session, claims: undefined } as Kept }
        : { key, outcome }
    const text = box.seal(JSON.stringify(told))
    await fleet.swap(key, lease, { text, ttlMs: keptMsOf(outcome) })
    return outcome
  }

  /** `hash` of the refresh token and of whom it is for. Never rejects where `ask` does not. */
  return async (hash: string, ask: () => Promise<Outcome>): Promise<Outcome> => {
    const key = `renewal:${hash}`
    const lease = `lease ${randomUUID()}`
    const end = performance.now() + 2 * leaseMs
    let pauseMs = RENEWAL_PAUSE_MS_MIN
    let put = await fleet.putNew(key, lease, leaseMs)
    // A lease whose answer got lost is as good: it ends with `hold`.
    if (put === 'away') return hold(key, lease, ask)
    while (put === 'there' && performance.now() < end) {
      const found = await fleet.get(key)
      const outcome = found === 'away' ? undefined : readOutcome(key, found.text)
      if (outcome !== undefined) return outcome
      await sleep(pauseMs)
      pauseMs = Math.min(2 * pauseMs, RENEWAL_PAUSE_MS_MAX)
      put = await fleet.putNew(key, lease, leaseMs)
    }
    if (put === 'put' || put === 'young') return hold(key, lease, ask)
    return { unavailable: 'another gateway refreshes it, and has not said what came of it' }
  }
}

interface Told {
  /** For which it was told. */
  readonly key: string
  readonly kept?: Kept
  readonly outcome?: Outcome
}
