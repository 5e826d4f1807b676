import { readFile } from 'node:fs/promises'
import { workloadId } from '@countersign/contract'
import type { Issued, Join } from '@countersign/contract/platform'
import { messageOf } from '@countersign/ground/errors'
import type { Log } from '@countersign/ground/telemetry'
import { IdentityError } from './errors.ts'
import { type Door, knock } from './join-door.ts'
import { JOIN_PAUSE_MS_MAX, JOIN_PAUSE_MS_MIN, JOIN_WAIT_MS_MAX } from './limits.ts'
import { obtain, type RenewCall, type RenewalHooks, RenewingIdentity } from './renewing-identity.ts'

export interface JoinOptions extends RenewalHooks {
  /** Short name of the workload, as in contracts. */
  readonly name: string
  readonly trustDomain: string
  readonly doors: readonly Door[]
  /** One-time join token. Used once here, and of no use afterwards. */
  readonly token?: string
  /** Where there is no join token: file with a Kubernetes service-account token. Read anew each time, as it changes. */
  readonly serviceAccountTokenFile?: string
  /** PEM of the roots to trust before the first certificate. */
  readonly bundle: string
  readonly renew: RenewCall
  readonly log: Log
  /** How long to knock before the start fails, in milliseconds. */
  readonly waitMsMax?: number
}

/**
 * Gets the first certificate at the first join door that answers, then renews at half life.
 * Throws `IdentityError`: JOIN_REFUSED (every door that answered said no), JOIN_UNAVAILABLE, ANSWER_INVALID.
 */
export async function joinTrustDomain(options: JoinOptions): Promise<RenewingIdentity> {
  const id = workloadId(options.trustDomain, options.name)
  const held = await obtain(id, (csr) => knockUntilAnswered(csr, options))
  return new RenewingIdentity({ ...options, id, held })
}

async function knockUntilAnswered(csr: string, options: JoinOptions): Promise<Issued> {
  const end = Date.now() + (options.waitMsMax ?? JOIN_WAIT_MS_MAX)
  let lost = false
  for (let round = 0; ; round++) {
    const { issued, why, refused, asked } = await knockAtAll(csr, options)
    if (issued !== undefined) return issued
    // A token is good once. Where an answer got lost, its door gives that one again, and all others refuse.
    lost ||= asked
    if (refused && !lost) throw new IdentityError('JOIN_REFUSED', `the join was refused: ${why}`)
    const pause = pauseMs(round)
    if (!(Date.now() + pause < end)) {
      throw new IdentityError('JOIN_UNAVAILABLE', `no authority could be reached: ${why}`)
    }
    options.log.info({ why, retryMs: pause }, 'no authority answers yet')
    await new Promise((resolve) => setTimeout(resolve, pause))
  }
}

interface Round {
  readonly issued?: Issued
  readonly why: string
  readonly refused: boolean
  /** A door was asked and did not answer. */
  readonly asked: boolean
}

/**
 * One round over the doors. A refusal counts when every door has been asked: a token may have been made while the
 * authority that refuses was away, and another may know it.
 */
async function knockAtAll(csr: string, options: JoinOptions): Promise<Round> {
  const { doors, bundle, trustDomain } = options
  const join = await joinFor(csr, options)
  if (typeof join === 'string') return { why: join, refused: false, asked: false }
  const expected = workloadId(trustDomain, 'authority')
  const refusals: string[] = []
  const failures: string[] = []
  let asked = false
  for (const door of doors) {
    const answer = await knock(door, join, { expected, bundle })
    if (answer.kind === 'issued') return { ...answer, why: '', refused: false, asked }
    const where = `${door.host}:${door.port}`
    if (answer.kind === 'refused') refusals.push(`${where}: ${answer.status} ${answer.code}`)
    else {
      failures.push(`${where}: ${answer.why}`)
      asked ||= answer.asked === true
    }
  }
  const why = [...refusals, ...failures].join('; ') || 'no join door is known'
  return { why, refused: refusals.length > 0, asked }
}

/** What is shown at the doors; a text says why there is nothing to show yet. */
async function joinFor(
  csr: string,
  { token, serviceAccountTokenFile: file }: JoinOptions,
): Promise<Join | string> {
  if (token !== undefined) return { token, csr }
  if (file === undefined)
    throw new TypeError('a join needs a token, or the file of a service account')
  try {
    return { serviceAccountToken: (await readFile(file, 'utf8')).trim(), csr }
  } catch (error) {
    return `the token of the service account cannot be read: ${messageOf(error)}`
  }
}

function pauseMs(round: number): number {
  const pause = Math.min(JOIN_PAUSE_MS_MAX, JOIN_PAUSE_MS_MIN * 2 ** Math.min(round, 16))
  return pause * (0.5 + Math.random() / 2)
}
