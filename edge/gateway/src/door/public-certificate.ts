import { X509Certificate } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { authority } from '@countersign/contract/platform'
import { messageOf } from '@countersign/ground/errors'
import { createCsr, generateKeyPair } from '@countersign/ground/x509'
import type { Workload } from '@countersign/service'
import { CERTIFICATE_RETRY_MS, CERTIFICATE_RETRY_MS_MAX } from '../limits.ts'

/** What the public door shows. The key was made in this process and leaves it never. */
export interface PublicCertificate {
  /** PEM, leaf first, without the root. */
  readonly cert: string
  /** PKCS#8 PEM. */
  readonly key: string
  readonly notBefore: number
  readonly notAfter: number
}

/** Only a workload of this name may ask for it. */
type Needs = Pick<Workload<'gateway'>, 'call' | 'identity' | 'log'>

/** Asks the authority for a certificate of the public door, for a new key. Rejects with what the call rejects with. */
async function obtainCertificate(workload: Needs): Promise<PublicCertificate> {
  const { privateKey } = await generateKeyPair()
  const csr = await createCsr({ id: workload.identity.id, privateKey })
  const { chain } = await workload.call(authority).publicDoor({ body: { csr } })
  const leaf = new X509Certificate(chain)
  return {
    cert: chain,
    key: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    notBefore: leaf.validFromDate.getTime(),
    notAfter: leaf.validToDate.getTime(),
  }
}

/**
 * Keeps the certificate of the door fresh: a new one at half of the life, with jitter, tried again until it is there.
 * `use` gets each. Returns the way to stop.
 */
export function renewCertificate(
  workload: Needs,
  first: PublicCertificate,
  use: (certificate: PublicCertificate) => void,
): () => void {
  const stop = new AbortController()
  const signal = stop.signal
  const loop = async (): Promise<void> => {
    let current = first
    while (!signal.aborted) {
      await sleep(untilRenewal(current, Date.now()), undefined, { signal })
      current = await obtainPatiently(workload, signal)
      use(current)
    }
  }
  loop().catch((error: unknown) => {
    if (!signal.aborted)
      workload.log.error({ err: error }, 'the door certificate is not renewed any more')
  })
  return () => stop.abort()
}

/** From 45 to 55 % of the life, so that two gateways do not ask together. */
export function untilRenewal(
  { notBefore, notAfter }: Pick<PublicCertificate, 'notBefore' | 'notAfter'>,
  now: number,
  random: number = Math.random(),
): number {
  const at = notBefore + (notAfter - notBefore) * (0.45 + 0.1 * random)
  return Math.max(CERTIFICATE_RETRY_MS, Math.min(at - now, 2 ** 31 - 1))
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
