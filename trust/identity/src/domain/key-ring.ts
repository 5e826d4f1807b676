/*
 * Signing keys over time.
 *
 * - exactly one key signs; exactly one is published ahead, to sign next
 * - a key signs only after it was published for a while, so that every verifier can know it
 * - a key that signed stays published until the last token that it signed is dead
 */
export interface SigningKey {
  readonly kid: string
  /** Private JWK of an ES256 key. */
  readonly jwk: Readonly<Record<string, string>>
  /** Milliseconds since 1970. */
  readonly publishedAt: number
}
export interface KeyRing {
  readonly current: SigningKey & { readonly since: number }
  readonly next: SigningKey
  readonly old: readonly (SigningKey & { readonly retiredAt: number })[]
}
export interface RotationBounds {
  readonly now: number
  readonly everyMs: number
  readonly publishedMsMin: number
  readonly keptMs: number
  readonly oldMax: number
}

export function firstRing(current: SigningKey, next: SigningKey, now: number): KeyRing {
  return { current: { ...current, since: now }, next, old: [] }
}

/** Whether the key that signs has signed for long enough. */
export function isRotationDue(ring: KeyRing, { now, everyMs }: RotationBounds): boolean {
  return now - ring.current.since >= everyMs
}

/**
 * The next key signs from now on, and `fresh` is published to follow it. Two ways to be refused:
 * the next key is not known long enough, or there are too many old keys that still count.
 */
export function rotate(
  ring: KeyRing,
  fresh: SigningKey,
  b: RotationBounds,
): KeyRing | 'PUBLISHED_TOO_RECENTLY' | 'TOO_MANY_OLD_KEYS' {
  if (!(b.now - ring.next.publishedAt >= b.publishedMsMin)) return 'PUBLISHED_TOO_RECENTLY'
  const { since: _, ...retired } = ring.current
  const old = [{ ...retired, retiredAt: b.now }, ...withoutDead(ring, b).old]
  if (!(old.length <= b.oldMax)) return 'TOO_MANY_OLD_KEYS'
  return { current: { ...ring.next, since: b.now }, next: fresh, old }
}

/** The ring without the keys whose last token is dead; the same object where there is none. */
export function withoutDead(ring: KeyRing, { now, keptMs }: RotationBounds): KeyRing {
  const old = ring.old.filter((key) => now - key.retiredAt < keptMs)
  return old.length === ring.old.length ? ring : { ...ring, old }
}

/** All keys that count, the signing one first. */
export function keysOf(ring: KeyRing): readonly SigningKey[] {
  return [ring.current, ring.next, ...ring.old]
}

/** What everybody may see: public parts only, named one by one so that nothing private can slip through. */
export function publicKeys(ring: KeyRing): { kty: string; kid: string; [name: string]: string }[] {
  return keysOf(ring).map(({ kid, jwk }) => ({
    kty: 'EC',
    crv: 'P-256',
    x: jwk.x ?? '',
    y: jwk.y ?? '',
    kid,
    alg: 'ES256',
    use: 'sig',
  }))
}
