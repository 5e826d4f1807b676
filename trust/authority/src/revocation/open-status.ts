import type { TrustState } from '@countersign/contract/platform'
import type { OutsideRoute } from '../outside/outside-route.ts'
import type { SyncTopic } from '../peers/topic.ts'
import { type CrlOptions, Crls } from './crls.ts'
import { OcspResponder } from './ocsp-responder.ts'
import type { IssuedRecords } from './ports.ts'
import type { RevocationView } from './revocations.ts'
import { statusRoutes } from './status-routes.ts'
import { trustedCa } from './trusted-cas.ts'

export interface StatusOptions extends Omit<CrlOptions, 'trusted'> {
  readonly revocations: RevocationView
  readonly issued: Pick<IssuedRecords, 'find'>
  readonly trust: { state(): TrustState; onChange(listener: () => void): () => void }
}
export interface Status {
  readonly crls: Crls
  /** For the outside door. */
  readonly routes: readonly OutsideRoute[]
  /** Lists of peers. */
  readonly topic: SyncTopic
  close(): void
}

/** What clients outside of the mesh can ask of revocations: lists and answers. The lists are signed when it returns. */
export async function openStatus(options: StatusOptions): Promise<Status> {
  const { revocations, trust, now } = options
  const crls = new Crls({ ...options, trusted: (id) => trustedCa(trust.state(), id) })
  const ocsp = new OcspResponder(options)
  await crls.refresh()
  const refresh = () => void crls.refresh()
  const forget = [revocations.onChange(refresh), trust.onChange(refresh)]
  return {
    crls,
    routes: statusRoutes({ crls, ocsp, now }),
    topic: crls.topic,
    close: () => {
      for (const each of forget) each()
      ocsp.close()
      crls.close()
    },
  }
}
