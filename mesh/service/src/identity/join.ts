import { workloadId } from '@countersign/contract'
import type { Issued } from '@countersign/contract/platform'
import type { Log } from '@countersign/ground/telemetry'
import type { Identity } from '../workload.ts'
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
  readonly token: string
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
export async function joinTrustDomain(options: JoinOptions): Promise<Identity & { close(): void }> {
  const id = workloadId(options.trustDomain, options.name)
  const held = await obtain(id, (csr) => knockUntilAnswered(csr, options))
  return new RenewingIdentity({ ...options, id, held })
}

async function knockUntilAnswered(csr: string, options: JoinOptions): Promise<Issued> {
  const end = Date.now() + (options.waitMsMax ?? JOIN_WAIT_MS_MAX)
  for (let round = 0; ; round++) {
    const { issued, why } = await knockAtAll(csr, options)
    if (issued !== undefined) return issued
    const pause = pauseMs(round)
    if (!(Date.now() + pause < end)) {
      throw new IdentityError('JOIN_UNAVAILABLE', `no authority could be reached: ${why}`)
    }
    options.log.info({ why, retryMs: pause }, 'no authority answers yet')
    await new Promise((resolve) => setTimeout(resolve, pause))
  }
}

/**
 * One round over the doors. A refusal counts when every door has been asked: a token may have been made while the
 * authority that refuses was away, and another may know it.
 */
async function knockAtAll(
  csr: string,
  { doors, token, bundle, trustDomain }: JoinOptions,
): Promise<{ issued?: Issued; why: string }> {
  const expected = workloadId(trustDomain, 'authority')
  const refusals: string[] = []
  const failures: string[] = []
  for (const door of doors) {
    const answer = await knock(door, { token, csr }, { expected, bundle })
    if (answer.kind === 'issued') return { issued: answer.issued, why: '' }
    const where = `${door.host}:${door.port}`
    if (answer.kind === 'refused') refusals.push(`${where}: ${answer.status} ${answer.code}`)
    else failures.push(`${where}: ${answer.why}`)
  }
  const why = [...refusals, ...failures].join('; ')
  if (refusals.length > 0) throw new IdentityError('JOIN_REFUSED', `the join was refused: ${why}`)
  return { why: why === '' ? 'no join door is known' : why }
}

function pauseMs(round: number): number {
  const pause = Math.min(JOIN_PAUSE_MS_MAX, JOIN_PAUSE_MS_MIN * 2 ** Math.min(round, 16))
  return pause * (0.5 + Math.random() / 2)
}
