import type { CertificateView } from '@countersign/contract/platform'
import { messageOf } from '@countersign/ground/errors'
import type { Log } from '@countersign/ground/telemetry'
import { ELSEWHERE_MS_MAX, ELSEWHERE_RECORDS_MAX } from './limits.ts'
import type { FindElsewhere } from './ports.ts'

export interface RecordsQuery {
  readonly serial?: string
  /** SPIFFE id. */
  readonly name?: string
  readonly state: 'valid' | 'all'
  readonly limit: number
}
/** Another authority. `certificates` asks for its records over mTLS, and rejects where nobody answers in `timeoutMs`. */
export interface RecordsLink {
  /** Where it is, for people. */
  readonly address: string
  certificates(
    query: RecordsQuery,
    timeoutMs: number,
  ): Promise<{ readonly certificates: readonly CertificateView[] }>
}

/** Asks all other authorities at once. Never rejects: who does not answer in time is named. */
export function createFindElsewhere(links: readonly RecordsLink[], log: Log): FindElsewhere {
  return async (wanted) => {
    const silent: string[] = []
    // A lineage goes on after the certificate that is named has ended; of a name only what lives matters.
    const state = 'name' in wanted ? 'valid' : 'all'
    const query = { ...wanted, state, limit: ELSEWHERE_RECORDS_MAX } as const
    const answers = await Promise.all(
      links.map(async (link) => {
        try {
          return (await link.certificates(query, ELSEWHERE_MS_MAX)).certificates
        } catch (error) {
          log.warn({ address: link.address, why: messageOf(error) }, 'has not been asked: away')
          silent.push(link.address)
          return []
        }
      }),
    )
    const found = answers.flat().filter((each) => isWanted(each, wanted))
    return { found, silent }
  }
}

/** An answer to another question must not lead to another certificate. */
function isWanted(view: CertificateView, wanted: { serial: string } | { name: string }): boolean {
  return 'name' in wanted ? view.name === wanted.name : view.serial === wanted.serial
}
