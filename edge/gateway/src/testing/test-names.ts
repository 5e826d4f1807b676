import type { Names, ServiceRecord } from '../upstream/names.ts'

/** A name service that a test writes. Its word holds for a twentieth of a second. */
export class TestNames implements Names {
  readonly #addresses = new Map<string, readonly string[]>()
  readonly #services = new Map<string, readonly ServiceRecord[]>()
  asked = 0

  /** What a name means from now on; nothing: it is not known. */
  set(name: string, addresses: readonly string[] | undefined): void {
    if (addresses === undefined) this.#addresses.delete(name)
    else this.#addresses.set(name, addresses)
  }
  setService(name: string, records: readonly ServiceRecord[]): void {
    this.#services.set(name, records)
  }
  async addresses(name: string) {
    this.asked++
    const addresses = this.#addresses.get(name)
    if (addresses === undefined) throw new Error(`ENOTFOUND ${name}`)
    return { addresses, seconds: 0.05 }
  }
  async services(name: string) {
    const records = this.#services.get(name)
    if (records === undefined) throw new Error(`ENODATA ${name}`)
    return records
  }
}
