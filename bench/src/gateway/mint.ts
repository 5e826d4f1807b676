import { type KeyObject, sign } from 'node:crypto'

/* The tokens of a session. They satisfy all who read them: ours asks for `typ` at+jwt and `roles`, the peers for `role`. */
export type Algorithm = 'ES256' | 'RS256'
export const ALGORITHMS: readonly Algorithm[] = ['ES256', 'RS256']
export const ISSUER = 'https://idp.bench'
export const AUDIENCE = 'orders-api'
export const ROLE = 'orders:read'
const PEOPLE = 1_000

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')

export class Mint {
  readonly #keys: Readonly<Record<Algorithm, KeyObject>>
  readonly #now = Math.floor(Date.now() / 1000)

  constructor(keys: Readonly<Record<Algorithm, KeyObject>>) {
    this.#keys = keys
  }

  /** A token that is good for half a day, apart from what `changes` breaks. */
  token(alg: Algorithm, changes: Readonly<Record<string, unknown>> = {}): string {
    const head = encode({ alg, typ: 'at+jwt', kid: alg.toLowerCase() })
    const input = `${head}.${encode({ ...this.#claims(), ...changes })}`
    const key = this.#keys[alg]
    const signature = sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' })
    return `${input}.${signature.toString('base64url')}`
  }
  /** `count` tokens of a thousand people. No two series hold the same one. */
  many(alg: Algorithm, count: number, series: string): string[] {
    return Array.from({ length: count }, (_, i) =>
      this.token(alg, { sub: `svc-${i % PEOPLE}`, jti: `${series}-${i}` }),
    )
  }
  /** One that says it needs no signature. */
  unsigned(): string {
    return `${encode({ alg: 'none', typ: 'at+jwt' })}.${encode({ ...this.#claims(), sub: 'x' })}.`
  }

  #claims(): object {
    const now = this.#now
    return {
      ...{ iss: ISSUER, aud: AUDIENCE, sub: 'svc-0', role: ROLE, roles: [ROLE] },
      ...{ iat: now, nbf: now - 5, exp: now + 43_200 },
    }
  }
}
