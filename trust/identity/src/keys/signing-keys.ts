import { join } from 'node:path'
import type { Keyring } from '@countersign/ground/seal'
import type { Log } from '@countersign/ground/telemetry'
import {
  firstRing,
  isRotationDue,
  type KeyRing,
  type RotationBounds,
  rotate,
  withoutDead,
} from '../domain/key-ring.ts'
import {
  KEY_CHECK_MS,
  KEY_KEPT_MS,
  KEY_PUBLISHED_MS_MIN,
  KEY_ROTATION_MS,
  OLD_KEYS_MAX,
} from '../limits.ts'
import { readKeyFile, writeKeyFile } from './key-file.ts'
import { makeKey } from './make-key.ts'

export interface SigningKeys {
  ring(): KeyRing
  /** Lets the next key sign from now on. Says why where it may not. Durable on return. */
  rotate(): Promise<'rotated' | 'PUBLISHED_TOO_RECENTLY' | 'TOO_MANY_OLD_KEYS'>
  /** What the clock asks for: rotation when it is due, farewell to keys whose last token is dead. */
  tend(): Promise<void>
  close(): void
}
export interface SigningKeysOptions {
  readonly folder: string
  readonly keyring: Keyring
  readonly log: Log
  readonly now?: () => number
  /** Called with each new ring, after it is on disk. */
  readonly onChange: (ring: KeyRing, rotated: boolean) => void
}

/** Opens the signing keys of this folder, or makes the first two; tends them until closed. */
export async function openSigningKeys(options: SigningKeysOptions): Promise<SigningKeys> {
  const { keyring, log, onChange, now = Date.now } = options
  const path = join(options.folder, 'signing-keys.sealed')
  const bounds = (): RotationBounds => ({
    now: now(),
    everyMs: KEY_ROTATION_MS,
    publishedMsMin: KEY_PUBLISHED_MS_MIN,
    keptMs: KEY_KEPT_MS,
    oldMax: OLD_KEYS_MAX,
  })
  let ring = (await readKeyFile(path, keyring)) ?? (await makeFirst(path, keyring, now()))

  /** The file comes first: a key that signs but is lost in a crash would orphan its tokens. */
  async function adopt(changed: KeyRing): Promise<void> {
    const rotated = changed.current.kid !== ring.current.kid
    await writeKeyFile(path, changed, keyring)
    ring = changed
    onChange(ring, rotated)
  }
  let turn: Promise<unknown> = Promise.resolve()
  /** One change at a time. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = turn.then(work)
    turn = mine.catch(() => {})
    return mine
  }
  async function rotateNow() {
    const rotated = rotate(ring, await makeKey(now()), bounds())
    if (typeof rotated === 'string') return rotated
    await adopt(rotated)
    return 'rotated' as const
  }
  async function tend(): Promise<void> {
    if (isRotationDue(ring, bounds())) {
      const outcome = await rotateNow()
      if (outcome !== 'rotated') log.warn({ outcome }, 'the signing key could not be rotated')
    }
    const kept = withoutDead(ring, bounds())
    if (kept !== ring) await adopt(kept)
  }
  const timer = setInterval(() => {
    inTurn(tend).catch((error) => log.error({ err: error }, 'tending the signing keys failed'))
  }, KEY_CHECK_MS)
  timer.unref()
  await tend()
  return {
    ring: () => ring,
    rotate: () => inTurn(rotateNow),
    tend: () => inTurn(tend),
    close: () => clearInterval(timer),
  }
}

async function makeFirst(path: string, keyring: Keyring, now: number): Promise<KeyRing> {
  const [current, next] = await Promise.all([makeKey(now), makeKey(now)])
  const ring = firstRing(current, next, now)
  await writeKeyFile(path, ring, keyring)
  return ring
}
