import type { Certificate, KongConfig } from '@countersign/kong'

/**
 * Finds the certificate for a name that a client asks for, as Kong does: the name itself, then `*.` with what follows its
 * first label, then what precedes its last one with `.*`, then `*`.
 */
export class CertificateIndex {
  readonly #byName = new Map<string, Certificate>()

  /** Mistakes are told by `wrong`. */
  constructor({ snis, certificates }: KongConfig, wrong: (what: string) => void) {
    const byId = new Map(certificates.map((each) => [each.id, each]))
    for (const { name, certificate } of snis) {
      const found = byId.get(certificate.id)
      if (found === undefined) wrong(`sni ${name}: there is no certificate ${certificate.id}`)
      else this.#byName.set(name.toLowerCase(), found)
    }
  }

  /** `sni` as the client sent it; `undefined` where it sent none, or no certificate is for it. */
  certificateFor(sni: string | undefined): Certificate | undefined {
    if (sni === undefined || this.#byName.size === 0) return undefined
    const name = sni.toLowerCase()
    const [first, last] = [name.indexOf('.'), name.lastIndexOf('.')]
    return (
      this.#byName.get(name) ??
      (first === -1 ? undefined : this.#byName.get(`*${name.slice(first)}`)) ??
      (last === -1 ? undefined : this.#byName.get(`${name.slice(0, last)}.*`)) ??
      this.#byName.get('*')
    )
  }
}
