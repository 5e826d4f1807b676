import { setTimeout as sleep } from 'node:timers/promises'
import { baseOf, isWildcard } from '../identifier/identifier.ts'
import { VALIDATION_MS_MAX, VALIDATION_RETRY_MS } from '../limits.ts'
import { type ChallengeType, PASSING } from '../order/order.ts'
import { AcmeProblem, toProblem } from '../problem.ts'
import type { Reach } from '../reach/guarded-addresses.ts'
import { checkCaa } from './check-caa.ts'
import { proveByDns } from './dns-01.ts'
import { proveByHttp } from './http-01.ts'
import type { Proof } from './proof.ts'
import { proveByTls } from './tls-alpn-01.ts'

export interface ValidationWanted {
  readonly type: ChallengeType
  /** With `*.` in front where it is for a wildcard. */
  readonly name: string
  readonly token: string
  readonly thumbprint: string
}
export interface ValidateOptions {
  /** One for each resolver: they have to agree that the name is proven. */
  readonly reaches: readonly Reach[]
  readonly caaIdentities: readonly string[]
  /** Aborted when the server stops. */
  readonly stop: AbortSignal
  /** Time for one attempt, all of it. */
  readonly timeoutMs?: number
  /** Waits before the next attempt; one more attempt than waits. */
  readonly retryMs?: readonly number[]
}

const PROOFS = { 'http-01': proveByHttp, 'dns-01': proveByDns, 'tls-alpn-01': proveByTls } as const

/**
 * Checks one challenge. What may pass is tried again, three times at most. `undefined`: it is proven. Rejects only when
 * the server stops.
 */
export async function validate(
  wanted: ValidationWanted,
  options: ValidateOptions,
): Promise<AcmeProblem | undefined> {
  const { stop, retryMs = VALIDATION_RETRY_MS } = options
  for (let attempt = 0; ; attempt++) {
    const problem = await attemptOnce(wanted, options)
    stop.throwIfAborted()
    const wait = retryMs[attempt]
    if (problem === undefined || !PASSING.has(problem.type) || wait === undefined) return problem
    await sleep(wait, undefined, { signal: stop, ref: false })
  }
}

async function attemptOnce(
  wanted: ValidationWanted,
  { reaches, caaIdentities, stop, timeoutMs = VALIDATION_MS_MAX }: ValidateOptions,
): Promise<AcmeProblem | undefined> {
  const { type, token, thumbprint } = wanted
  const name = baseOf(wanted.name)
  const signal = AbortSignal.any([stop, AbortSignal.timeout(timeoutMs)])
  const proof: Proof = { name, token, expected: `${token}.${thumbprint}`, signal }
  const caa = { name, wildcard: isWildcard(wanted.name), method: type, identities: caaIdentities }
  try {
    await Promise.all(
      reaches.map(async (reach) => {
        await within(PROOFS[type](proof, reach), proof)
        await within(checkCaa(caa, reach.resolver), proof)
      }),
    )
    return undefined
  } catch (error) {
    return toProblem(error)
  }
}

/** The DNS client cannot be stopped in the middle: what comes too late is not waited for. */
async function within(work: Promise<void>, { signal, name }: Proof): Promise<void> {
  let late: (() => void) | undefined
  const over = new Promise<never>((_, reject) => {
    late = () => reject(new AcmeProblem('connection', `${name} does not answer in time`))
    if (signal.aborted) late()
    else signal.addEventListener('abort', late, { once: true })
  })
  try {
    await Promise.race([work, over])
  } finally {
    if (late !== undefined) signal.removeEventListener('abort', late)
  }
}
