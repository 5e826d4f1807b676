import type { Witness } from '@countersign/contract/platform'
import {
  type Breaker,
  type Candidate,
  createUpstream,
  type Upstream,
  type UpstreamOptions,
} from '@countersign/layers'
import { UPSTREAM_CONNECTIONS_MAX } from '../limits.ts'

/** One instance of a service: its connections, its load, its breaker, and what it proved when we connected. */
export class Instance implements Candidate {
  readonly id: string
  readonly address: string
  readonly breaker: Breaker
  readonly upstream: Upstream
  readonly #service: string
  #witness: Witness | undefined
  #witnessed: Upstream['evidence']

  constructor(
    options: UpstreamOptions & {
      readonly id: string
      readonly service: string
      readonly breaker: Breaker
    },
  ) {
    this.id = options.id
    this.#service = options.service
    this.breaker = options.breaker
    this.address = `${options.address.host}:${options.address.port}`
    this.upstream = createUpstream({ connectionsMax: UPSTREAM_CONNECTIONS_MAX, ...options })
  }
  get inFlight(): number {
    return this.upstream.inFlight
  }
  get available(): boolean {
    return this.breaker.available
  }
  /** What its latest connection has proven, for records. */
  get witness(): Witness {
    const { evidence } = this.upstream
    if (this.#witness === undefined || this.#witnessed !== evidence) {
      this.#witnessed = evidence
      this.#witness = {
        service: this.#service,
        instance: this.id,
        ...(evidence === undefined
          ? {}
          : {
              peer: evidence.peerId,
              serial: evidence.peerSerial,
              tlsVersion: evidence.tlsVersion,
              tlsCipher: evidence.cipher,
            }),
      }
    }
    return this.#witness
  }
  /** Calls under way may finish; then the connections end. */
  close(): void {
    void this.upstream.close()
  }
}
