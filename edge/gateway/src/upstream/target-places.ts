import { isIP } from 'node:net'
import { messageOf } from '@countersign/ground/errors'
import { plainAddress } from '@countersign/ground/http1'
import type { Instances, Workload } from '@countersign/service'
import type { TargetPlan } from '../domain/balancing/plan.ts'
import { ADDRESSES_MAX, DNS_RETRY_MS, DNS_SECONDS } from '../limits.ts'
import { guard, type Leave } from './address-guard.ts'
import type { Found, Names, ServiceRecord } from './names.ts'

/** One place where a target is found. */
export interface Place {
  readonly host: string
  readonly port: number
  /** Set for an instance of the mesh: its id in the registry. */
  readonly instance?: string
  /** Set where a service record has named it: who is there, and how much it may get. */
  readonly name?: string
  readonly weight?: number
}
/** Why a target is found nowhere: no name server knows it at this time, or it is where it may not be. */
export interface Fault {
  readonly kind: 'unknown' | 'refused'
  readonly text: string
}
export interface PlacesParts {
  readonly instances: Workload['instances']
  readonly names: Names
  readonly leave: Leave
  /** TLS is spoken there. */
  readonly secure: boolean
  /** Its name is looked up as that of a service (SRV). */
  readonly services: boolean
  readonly onChange: () => void
}

/** What the registry can know. Names with a dot are looked for elsewhere. */
export const SERVICE_NAME = /^[a-z][a-z0-9-]{0,62}$/

/*
 * Where a target is found, now and later.
 *
 * 1. an address is that address
 * 2. a name that the registry knows is that service, and stays so: no name server takes over when its instances are gone
 * 3. any other name is what the name servers say, asked again when their word has run out; while they say nothing the last
 *    word holds
 * Addresses of 1 and 3 are guarded one by one, and the connection goes to the address that was looked at.
 */
export class TargetPlaces {
  readonly first: Promise<void>
  readonly #plan: TargetPlan
  readonly #parts: PlacesParts
  readonly #known = Promise.withResolvers<void>()
  #watch: Instances | undefined
  #unlisten: () => void = () => {}
  #ours = false
  #timer: NodeJS.Timeout | undefined
  #closed = false
  places: readonly Place[] = []
  /** Why there is no place, or not all of them. */
  fault: Fault | undefined
  /** The first answer is there, whatever it is. */
  settled = false

  constructor(plan: TargetPlan, parts: PlacesParts) {
    this.#plan = plan
    this.#parts = parts
    this.first = this.#known.promise
    const { host } = plan
    if (isIP(host) !== 0) this.#found([{ host: plainAddress(host), port: plan.port }])
    else if (SERVICE_NAME.test(host) && host !== 'localhost') this.#followRegistry()
    else void this.#ask()
  }
  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#unlisten()
    this.#watch?.close()
    this.#known.resolve()
  }

  #followRegistry(): void {
    const watch = this.#parts.instances(this.#plan.host)
    this.#watch = watch
    this.#unlisten = watch.onChange(() => this.#registered(watch))
    this.#registered(watch)
    void watch.first.then(() => {
      if (!this.#ours && !this.#closed) void this.#ask()
    })
  }
  #registered(watch: Instances): void {
    const places = watch.current().map(({ Service }) => ({
      ...{ host: Service.Address, port: Service.Port, instance: Service.ID },
    }))
    if (places.length === 0 && !this.#ours) return
    this.#ours = true
    clearTimeout(this.#timer)
    this.#settle(places.slice(0, ADDRESSES_MAX), undefined)
  }

  async #ask(): Promise<void> {
    let seconds = DNS_RETRY_MS / 1000
    try {
      const places = await this.#resolve()
      if (this.#closed || this.#ours) return
      seconds = places.seconds
      this.#found(places.found)
    } catch (error) {
      if (this.#closed || this.#ours) return
      const text = `${this.#plan.host} is not known: ${messageOf(error)}`
      this.#settle(this.places, { kind: 'unknown', text })
    }
    this.#timer = setTimeout(() => void this.#ask(), seconds * 1000).unref()
  }
  async #resolve(): Promise<{ readonly found: readonly Place[]; readonly seconds: number }> {
    const { names, services } = this.#parts
    const { host, port } = this.#plan
    if (!services && !host.startsWith('_')) {
      const { addresses, seconds } = await names.addresses(host)
      return { found: addresses.map((address) => ({ host: address, port })), seconds }
    }
    const records = best(await names.services(host))
    const each = await Promise.allSettled(records.map(({ name }) => names.addresses(name)))
    const known = records.flatMap((record, i) => placesOf(record, each[i]))
    if (known.length === 0) throw new Error('none of the hosts of its service records is known')
    return { found: known, seconds: DNS_SECONDS }
  }

  #found(places: readonly Place[]): void {
    const { leave, secure } = this.#parts
    const { host } = this.#plan
    const asWritten = isIP(host) !== 0 || host === 'localhost'
    let text: string | undefined
    const good = places.filter((place) => {
      const wrong = guard(place.host, { secure, asWritten }, leave)
      text ??= wrong
      return wrong === undefined
    })
    const fault = text === undefined ? undefined : ({ kind: 'refused', text } as const)
    this.#settle(good.slice(0, ADDRESSES_MAX), fault)
  }
  #settle(places: readonly Place[], fault: Fault | undefined): void {
    this.places = places
    this.fault = fault
    this.settled = true
    this.#parts.onChange()
    this.#known.resolve()
  }
}

/** Those of the best priority: the others are for when these are gone, which the next answer tells. */
function best(records: readonly ServiceRecord[]): readonly ServiceRecord[] {
  const first = Math.min(...records.map(({ priority }) => priority))
  return records.filter(({ priority }) => priority === first).slice(0, ADDRESSES_MAX)
}
function placesOf(
  { name, port, weight }: ServiceRecord,
  found: PromiseSettledResult<Found> | undefined,
): Place[] {
  if (found?.status !== 'fulfilled') return []
  // A weight of 0 is a small one (RFC 2782), not none.
  return found.value.addresses.map((host) => ({ host, port, name, weight: Math.max(1, weight) }))
}
