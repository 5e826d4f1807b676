import { parseArgs } from 'node:util'
import type { Plan, Scenario } from './measure.ts'
import { TARGETS, type Target } from './targets.ts'

export interface Flags {
  readonly targets: readonly Target[]
  readonly rounds: number
  readonly plan: Plan
  readonly profile: boolean
  /** Of the profile. */
  readonly tokens: 'warm' | 'new'
  readonly write: boolean
}

const FULL: readonly Scenario[] = [
  { alg: 'ES256', tokens: 'warm', rate: 500 },
  { alg: 'ES256', tokens: 'warm', rate: 2_000 },
  { alg: 'ES256', tokens: 'warm', rate: 5_000 },
  { alg: 'ES256', tokens: 'warm', rate: 0 },
  { alg: 'RS256', tokens: 'warm', rate: 2_000 },
  { alg: 'RS256', tokens: 'warm', rate: 0 },
  { alg: 'ES256', tokens: 'new', rate: 2_000 },
  { alg: 'ES256', tokens: 'new', rate: 0 },
  { alg: 'RS256', tokens: 'new', rate: 2_000 },
  { alg: 'RS256', tokens: 'new', rate: 0 },
]
const QUICK: readonly Scenario[] = [
  { alg: 'ES256', tokens: 'warm', rate: 2_000 },
  { alg: 'ES256', tokens: 'warm', rate: 0 },
  { alg: 'ES256', tokens: 'new', rate: 0 },
]

/** Reads the command line. Throws where it holds something that is not known. */
export function readFlags(args: readonly string[]): Flags {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string' },
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      connections: { type: 'string', default: '64' },
      profile: { type: 'boolean', default: false },
      new: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
    },
  })
  const { quick } = values
  return {
    targets: targetsOf(values.only),
    rounds: countOf('rounds', values.rounds ?? (quick ? '1' : '5')),
    plan: {
      scenarios: quick ? QUICK : FULL,
      seconds: countOf('seconds', values.seconds ?? (quick ? '3' : '5')),
      connections: countOf('connections', values.connections),
      warmUpRequests: quick ? 15_000 : 20_000,
      newRequests: quick ? 8_000 : 20_000,
    },
    profile: values.profile,
    tokens: values.new ? 'new' : 'warm',
    write: values.write,
  }
}

function targetsOf(only: string | undefined): readonly Target[] {
  if (only === undefined) return TARGETS
  return only.split(',').map((name) => {
    const target = TARGETS.find((each) => each.name === name)
    if (target !== undefined) return target
    throw new Error(`--only: ${name} is none of ${TARGETS.map((each) => each.name).join(', ')}`)
  })
}

function countOf(name: string, text: string): number {
  const count = Number(text)
  if (Number.isSafeInteger(count) && count > 0) return count
  throw new Error(`--${name} must be a whole number above 0`)
}
