import type { KeyObject, webcrypto } from 'node:crypto'
import type * as Library from '@peculiar/x509'

export type { Library }

let loaded: Promise<typeof Library> | undefined

/** The certificate library, loaded by the first who issues: it takes 20 MB that workloads can do without. */
export function loadLibrary(): Promise<typeof Library> {
  loaded ??= load()
  return loaded
}

async function load(): Promise<typeof Library> {
  // Decorators of its dependencies need this first.
  await import('reflect-metadata')
  return import('@peculiar/x509')
}

const P256 = { name: 'ECDSA', namedCurve: 'P-256' } as const

/** Our key in the library's form; it does not leave the process and is not extractable. */
export function toSigningKey(key: KeyObject): webcrypto.CryptoKey {
  return key.toCryptoKey(P256, false, ['sign'])
}
