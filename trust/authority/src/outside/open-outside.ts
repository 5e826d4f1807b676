import { workloadId } from '@countersign/contract'
import type { Issued, TrustState } from '@countersign/contract/platform'
import type { Workload } from '@countersign/service'
import type { IssueRequest } from '../issuing/issue-request.ts'
import { basicRoutes } from './basic-routes.ts'
import { type Certify, DoorCertificate, type Obtained } from './door-certificate.ts'
import { openOutsideDoor, type OutsideDoor } from './outside-door.ts'
import { activeCross } from '../trust/active-cross.ts'
import { createOutsideEvents } from './outside-events.ts'
import type { OutsideRoute } from './outside-route.ts'

export interface OutsideParts {
  readonly listen: { readonly host: string; readonly port: number }
  /** Where clients reach the door; `undefined`: at the address of the listener. */
  readonly url: string | undefined
  /** What its certificate is for. */
  readonly publicNames: readonly string[]
  readonly workload: Pick<Workload, 'trustDomain' | 'instance' | 'log' | 'metrics'>
  readonly authority: { issue(request: IssueRequest): Promise<Issued> }
  /** The CAs of this authority. */
  readonly signers: { active(): { readonly id: string; readonly root: string } }
  readonly trust: {
    state(): TrustState
    bundle(): string
    onChange(listener: () => void): () => void
  }
  readonly revocations: {
    has(certificate: { readonly serial: string }): boolean
    onChange(listener: () => void): () => void
  }
  readonly ready: () => boolean
  /** Told of each certificate before the door shows it. */
  readonly onObtained?: (certificate: Obtained) => void
  /** Those of the rooms: lists and answers, ACME, the page of the quorum. */
  readonly routes: readonly OutsideRoute[]
}

/**
 * Opens the outside door with a certificate that the authority issues to itself. It is renewed at half life, when
 * another CA signs, and when it is taken back. Rejects where there is no certificate, or no way to listen.
 */
export async function openOutside(parts: OutsideParts): Promise<OutsideDoor> {
  const { workload, trust, revocations, signers, ready } = parts
  const events = createOutsideEvents(workload)
  const id = workloadId(workload.trustDomain, 'authority')
  const certificate = await DoorCertificate.obtain({
    ...{ id, certify: certifier(parts), events },
    ...(parts.onObtained === undefined ? {} : { onObtained: parts.onObtained }),
  })
  const look = (): void => {
    const { serial, issuer } = certificate.current()
    if (revocations.has({ serial }) || activeId(signers) !== issuer) certificate.renewNow()
  }
  const forget = [trust.onChange(look), revocations.onChange(look)]
  const door = await openOutsideDoor({
    ...{ listen: parts.listen, url: parts.url, names: parts.publicNames, certificate, events },
    routes: [...basicRoutes({ bundle: () => trust.bundle(), ready }), ...parts.routes],
  }).catch((error: unknown) => {
    certificate.close()
    throw error
  })
  return {
    ...door,
    close: async () => {
      for (const each of forget) each()
      await door.close()
    },
  }
}

function certifier({ authority, publicNames, trust, signers, workload }: OutsideParts): Certify {
  return async (csr) => {
    const { chain } = await authority.issue({
      ...{ profile: 'public-door', kind: 'public-door', name: 'authority', csr },
      ...{ names: publicNames, asker: workload.instance },
    })
    return { chain: chain + activeCross(trust.state(), signers) }
  }
}

/** `undefined` while none can sign: then there is nothing to be had either. */
function activeId(signers: OutsideParts['signers']): string | undefined {
  try {
    return signers.active().id
  } catch {
    return undefined
  }
}
