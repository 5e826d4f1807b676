import type { CaState } from '@countersign/contract/platform'
import { describe, expect, it } from 'vitest'
import { nextStep } from './next-step.ts'

type Entry = { readonly state: CaState; readonly due: boolean }
const entry = (state: CaState, due: boolean): Entry => ({ state, due })
const step = (entries: Entry[], helps = true) =>
  nextStep(entries, { isDue: ({ due }) => due, helps: () => helps })

describe('what the schedule does next', () => {
  // biome-ignore format: a table
  const cases: [string, Entry[], string | undefined][] = [
    ['nothing while there is time',              [entry('active', false)],                        undefined],
    ['prepares when it is time',                 [entry('active', true)],                         'prepare'],
    ['activates what is prepared',               [entry('active', true), entry('next', false)],   'activate'],
    ['leaves what the operator has prepared',    [entry('active', false), entry('next', false)],  undefined],
    ['retires what was due',                     [entry('old', true), entry('active', false)],    'retire'],
    ['leaves what the operator has activated',   [entry('old', false), entry('active', false)],   undefined],
    ['clears the way when the next one is due',  [entry('old', false), entry('active', true)],    'retire'],
    ['makes nothing where there is none',        [],                                              undefined],
  ]
  it.each(cases)('%s', (_, entries, expected) => expect(step(entries)).toBe(expected))

  it('prepares nothing that would not last longer', () => {
    expect(step([entry('active', true)], false)).toBeUndefined()
  })
})
