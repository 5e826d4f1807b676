import type { Client } from '@countersign/contract'
import { authority } from '@countersign/contract/platform'
import { messageOf } from '@countersign/ground/errors'
import { CallError, type Seed } from '@countersign/service'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Desk } from '../desk.ts'
import { DeskError } from '../errors.ts'
import { currentLock } from '../home/lock.ts'
import { ASK_AGAIN_MS, ASK_ROUNDS_MAX } from '../limits.ts'
import { withDeskLink } from '../mesh/desk-link.ts'
import { refused } from '../mesh/refused.ts'
import { notRunning } from '../supervisor/control-client.ts'
import { readSeeds } from '../supervisor/seeds.ts'
import { printable } from '../terminal/printable.ts'

/** What the desk may ask of an authority. */
type AuthorityClient = Client<typeof authority, 'desk'>
export type Answer<T> =
  | { readonly at: string; readonly value: T }
  | { readonly at: string; readonly fault: string }

/** The authorities of the platform that runs, as a command asks them. */
export interface Authorities {
  /**
   * Asks one after another, beginning with the one that answered last. A refusal is an answer, and thrown as
   * `DeskError` FAILED with the words of the authority; so is the silence of all of them.
   */
  ask<T>(work: (client: AuthorityClient) => Promise<T>): Promise<T>
  /** Asks all of them side by side. Throws `DeskError` FAILED where none answers. */
  askAll<T>(work: (client: AuthorityClient) => Promise<T>): Promise<readonly Answer<T>[]>
}

/**
 * Each question opens the mesh anew, with the identity as it lies on disk at that time: a command may last longer than
 * the certificate and the bundle that it began with.
 */
export function authoritiesOf(desk: Desk): Authorities {
  let last: string | undefined
  return {
    ask: (work) =>
      again(async () => {
        const seeds = (await seedsOf(desk)).toSorted(
          (a, b) => Number(nameOf(b) === last) - Number(nameOf(a) === last),
        )
        return withDeskLink(desk, async (link) => {
          const faults: string[] = []
          for (const seed of seeds) {
            try {
              const value = await work(link.callAt(authority, seed))
              last = nameOf(seed)
              return value
            } catch (error) {
              if (error instanceof DeskError) throw error
              if (isRefusal(error)) throw refused(error)
              faults.push(`${nameOf(seed)}: ${messageOf(error)}`)
            }
          }
          throw nobody(faults)
        })
      }),
    askAll: (work) =>
      again(async () => {
        const seeds = await seedsOf(desk)
        const answers = await withDeskLink(desk, (link) =>
          Promise.all(
            seeds.map((seed) => answerOf(seed, () => work(link.callAt(authority, seed)))),
          ),
        )
        if (answers.every((each) => 'fault' in each))
          throw nobody(answers.map((each) => `${each.at}: ${'fault' in each ? each.fault : ''}`))
        return answers
      }),
  }
}

/** Silence of all authorities: no refusal, and possibly over in a moment. */
export class NobodyAnswers extends DeskError {}

/** The bundle on disk can be a moment behind the authorities: silence is asked twice. */
async function again<T>(question: () => Promise<T>): Promise<T> {
  for (let round = 1; ; round++) {
    try {
      return await question()
    } catch (error) {
      if (!(error instanceof NobodyAnswers) || round >= ASK_ROUNDS_MAX) throw error
      await sleep(ASK_AGAIN_MS)
    }
  }
}

async function answerOf<T>(seed: Seed, ask: () => Promise<T>): Promise<Answer<T>> {
  try {
    return { at: nameOf(seed), value: await ask() }
  } catch (error) {
    if (error instanceof DeskError) throw error
    if (isRefusal(error)) throw refused(error)
    return { at: nameOf(seed), fault: messageOf(error) }
  }
}

/** The trust domain of the platform that runs. Throws `DeskError` NOT_RUNNING where none does. */
export async function trustDomainOf({ layout }: Desk): Promise<string> {
  if (currentLock(layout) === undefined) throw notRunning(layout)
  return (await readSeeds(layout)).trustDomain
}

async function seedsOf({ layout }: Desk): Promise<readonly Seed[]> {
  if (currentLock(layout) === undefined) throw notRunning(layout)
  const { seeds } = await readSeeds(layout)
  return seeds.filter(({ name }) => name === 'authority')
}

const nameOf = ({ host, port }: Seed): string => `${host}:${port}`

/** What another authority would say as well. One that is busy, or has its own trouble, is not asked in vain. */
function isRefusal(error: unknown): error is CallError {
  if (!(error instanceof CallError) || error.code !== 'REFUSED') return false
  const { status = 500 } = error
  return status >= 400 && status < 500 && status !== 408 && status !== 429
}

function nobody(faults: readonly string[]): DeskError {
  const list = faults.map((fault) => `  - ${printable(fault)}`).join('\n')
  return new NobodyAnswers('FAILED', `no authority answers:\n${list}\nSee: countersign status`)
}
