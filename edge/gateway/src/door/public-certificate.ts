import { setTimeout as sleep } from 'node:timers/promises'
import { authority } from '@countersign/contract/platform'
import { waitUntil } from '@countersign/ground/time'
import { messageOf } from '@countersign/ground/errors'
import { createCsr, generateKeyPair, readCertificate, readPem } from '@countersign/ground/x509'
import type { Workload } from '@countersign/service'
import {
  CERTIFICATE_RETRY_MS,
  CERTIFICATE_RETRY_MS_MAX,
  CERTIFICATE_SPREAD_MS_MAX,
} from '../limits.ts'

/** What the public door shows. The key was made in this process and leaves it never. */
export interface PublicCertificate {
  /** PEM, leaf first, without the root. */
  readonly cert: string
  /** PKCS#8 PEM. */
  readonly key: string
  readonly notBefore: number
  readonly notAfter: number
  readonly serial: string
  /** Key id of the intermediate that signed it. */
  readonly issuer: string
}

/** Only a workload of this name may ask for it. */
type Needs = Pick<Workload<'gateway'>, 'call' | 'identity' | 'log' | 'trust'>

/** Asks the authority for a certificate of the public door, for a new key. Rejects with what the call rejects with. */
async function obtainCertificate(workload: Needs): Promise<PublicCertificate> {
  const { privateKey } = await generateKeyPair()
  const csr = await createCsr({ id: workload.identity.id, privateKey })
  const { chain } = await workload.call(authority).publicDoor({ body: { csr } })
  const [leaf = Buffer.alloc(0)] = readPem(chain, 'CERTIFICATE')
  const { notBefore, notAfter, serial, authorityKeyId: issuer = '' } = readCertificate(leaf)
  const key = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
  return { cert: chain, key, notBefore, notAfter, serial, issuer }
}

/**
 * Keeps the certificate of the door fresh: a new one at half of the life, with jitter, tried again until it is there;
 * and soon after its issuer signs no more, or after it was taken back. The authorities hear which one is shown, so that
 * none of what it needs is retired. `use` gets each new one. Returns the way to stop.
 */
export function renewCertificate(
  workload: Needs,
  first: PublicCertificate,
  use: (certificate: PublicCertificate) => void,
): () => void {
  const stop = new AbortController()
  const signal = stop.signal
  let current = first
  const stopShowing = workload.trust?.alsoShown(() => [
    { serial: current.serial, issuer: current.issuer, notAfter: current.notAfter },
  ])
  const loop = async (): Promise<void> => {
    while (!signal.aborted) {
      await untilDue(workload, current, signal)
      current = await obtainPatiently(workload, signal)
      use(current)
      workload.trust?.say()
    }
  }
  loop().catch((error: unknown) => {
    if (!signal.aborted)
      workload.log.error({ err: error }, 'the door certificate is not renewed any more')
  })
  return () => {
    stopShowing?.()
    stop.abort()
  }
}

/** Rejects when `signal` ends it. */
async function untilDue(
  workload: Needs,
  current: PublicCertificate,
  signal: AbortSignal,
): Promise<void> {
  const outOfUse = new AbortController()
  const look = (): void => {
    if (isOutOfUse(workload, current)) outOfUse.abort()
  }
  const stops = [workload.trust?.onIssuers(look), workload.identity.revocations.onChange(look)]
  look()
  const either = AbortSignal.any([signal, outOfUse.signal])
  await waitUntil(Date.now() + untilRenewal(current, Date.now()), either)
  for (const stopListening of stops) stopListening?.()
  if (outOfUse.signal.aborted) await sleep(spreadMs(current), undefined, { signal })
  signal.throwIfAborted()
}

/** Its issuer signs no more, so it will be retired when nobody needs it; or the certificate itself was taken back. */
function isOutOfUse(
  { trust, identity }: Needs,
  { issuer, serial }: Pick<PublicCertificate, 'issuer' | 'serial'>,
): boolean {
  const issuers = trust?.issuers() ?? []
  if (issuers.length > 0 && !issuers.includes(issuer)) return true
  return identity.revocations.refusalOf({ serial, lineage: undefined }) === 'REVOKED'
}

/** All gateways hear of it together, and need not ask together. */
function spreadMs({ notBefore, notAfter }: PublicCertificate): number {
  const spread = Math.min(CERTIFICATE_SPREAD_MS_MAX, (notAfter - notBefore) / 10)
  return CERTIFICATE_RETRY_MS + spread * Math.random()
}

/** From 40 to 48 % of the life, so that two gateways do not ask together, and half of a life is left without authorities. */
export function untilRenewal(
  { notBefore, notAfter }: Pick<PublicCertificate, 'notBefore' | 'notAfter'>,
  now: number,
  random: number = Math.random(),
): number {
  const at = notBefore + (notAfter - notBefore) * (0.4 + 0.08 * random)
  return Math.max(CERTIFICATE_RETRY_MS, at - now)
}

/** Tries until there is a certificate or `signal` ends it. */
export async function obtainPatiently(
  workload: Needs,
  signal: AbortSignal,
): Promise<PublicCertificate> {
  for (
    let waitMs = CERTIFICATE_RETRY_MS;
    ;
    waitMs = Math.min(2 * waitMs, CERTIFICATE_RETRY_MS_MAX)
  ) {
    try {
      return await obtainCertificate(workload)
    } catch (error) {
      workload.log.warn({ reason: messageOf(error) }, 'no certificate for the public door yet')
    }
    await sleep(waitMs, undefined, { signal })
  }
}
