import type { RotationStep, TrustState } from '@countersign/contract/platform'
import { type Ca, makeRoot } from '../pki/create-ca.ts'
import type { SignerStore } from '../pki/signer-store.ts'
import { crossOf } from './cross.ts'
import { stepIntermediates, stepRoots } from './domain/steps.ts'
import { activeRoot, type Intermediates, type Roots, sectionOf } from './domain/trust-state.ts'
import { entryOf, makeBelow, type Own } from './plan-own.ts'

/**
 * The roots after a step; `undefined` where there is nothing to do. A new root is made here, and its key lies in the vault
 * before anybody hears of it: who does makes an intermediate under it.
 */
export async function nextRoots(
  reading: TrustState,
  step: RotationStep,
  parts: { vault: SignerStore; trustDomain: string; rootMs: number; now: number },
): Promise<Roots | undefined> {
  const { vault, trustDomain, rootMs: lifetimeMs, now } = parts
  const { roots } = reading
  if (step !== 'prepare') return stepRoots(roots, { step }, now)
  const made = await makeRoot({ trustDomain, now, lifetimeMs })
  const old = activeRoot(roots)
  const signer = old && (await vault.read(old.id))
  const cross = signer && crossOf(made, signer)
  const { id, certificate } = made
  const entry = { id, certificate, state: 'next', since: now, ...(cross && { cross }) } as const
  const next = stepRoots(roots, { step, entry }, now)
  if (next !== undefined) await vault.write(made)
  return next
}

/**
 * The section of one authority after a step; `undefined` where there is nothing to do. A new intermediate is made here,
 * and has to be kept before anybody hears of it. Throws where the root's key is not here, or it is nearly ended.
 */
export async function nextSection(
  reading: TrustState,
  step: RotationStep,
  own: Own,
): Promise<{ section: Intermediates; made?: Ca } | undefined> {
  const section = sectionOf(reading, own.instance) ?? { version: 0, entries: [] }
  const root = activeRoot(reading.roots)
  if (root === undefined) return undefined
  if (step !== 'prepare') {
    const next = stepIntermediates(section, { step, root: root.id }, own.now)
    return next && { section: next }
  }
  const entry = { id: '', root: root.id, certificate: '', state: 'next', since: own.now } as const
  if (stepIntermediates(section, { step, entry }, own.now) === undefined) return undefined
  const made = await makeBelow(root, own)
  const next = stepIntermediates(section, { step, entry: entryOf(made, root, own.now) }, own.now)
  return next && { section: next, made }
}
