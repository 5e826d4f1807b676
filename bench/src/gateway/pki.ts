import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { workloadId } from '@countersign/contract'
import { spiffeId } from '@countersign/ground/spiffe'
import {
  createIntermediate,
  createRoot,
  createServerCertificate,
  createSvid,
  generateKeyPair,
} from '@countersign/ground/x509'

/*
 * The certificates of a session: one root, one intermediate, and below it, all P-256,
 *
 *   door      server certificate for localhost, which the peers show; our own gateway asks for one of the same kind
 *   gateway   SVID of the gateway, shown to the upstream by all
 *   upstream  SVID of the service that also names localhost: peers look at the name, ours at the SPIFFE id
 */
export const TRUST_DOMAIN = 'bench.local'
export const SERVICE = 'order'
const DAY_MS = 24 * 3_600_000

/** Writes certificates and keys into `work`, the keys readable for us alone. */
export async function writePki(work: string): Promise<void> {
  const write = (name: string, text: string): void =>
    writeFileSync(join(work, name), text, { mode: 0o600 })
  const trustDomainId = spiffeId(TRUST_DOMAIN)
  const now = Date.now()
  const span = { notBefore: now - 3_600_000, notAfter: now + DAY_MS }
  const keys = await generateKeyPair()
  const root = createRoot({ trustDomainId, commonName: 'bench', keys, span, pathLength: 1 })
  const below = await generateKeyPair()
  const intermediate = createIntermediate({
    issuer: { certificate: root, privateKey: keys.privateKey },
    ...{ trustDomainId, commonName: 'bench intermediate', publicKey: below.publicKey, span },
  })
  const issuer = { certificate: intermediate, privateKey: below.privateKey }
  const leafSpan = { notBefore: now - 60_000, notAfter: now + DAY_MS / 2 }
  const leaf = async (name: string, make: (publicKey: KeyObject) => string): Promise<void> => {
    const { publicKey, privateKey } = await generateKeyPair()
    const chain = make(publicKey) + intermediate
    write(`${name}.pem`, chain)
    write(`${name}.key`, pemOf(privateKey))
    write(`${name}.bundle.pem`, chain + pemOf(privateKey))
  }
  write('ca.pem', root)
  write('intermediate.pem', intermediate)
  write('intermediate.key', pemOf(below.privateKey))
  const names = ['localhost', '127.0.0.1']
  await leaf('door', (publicKey) =>
    createServerCertificate({ issuer, names, publicKey, span: leafSpan }),
  )
  for (const [file, workload] of [
    ['gateway', 'gateway'],
    ['upstream', SERVICE],
  ] as const)
    await leaf(file, (publicKey) =>
      createSvid({
        ...{ issuer, id: workloadId(TRUST_DOMAIN, workload), publicKey, span: leafSpan },
        hostNames: ['localhost'],
      }),
    )
}

/** Makes the keys that tokens are signed with, and writes their public halves for those who verify. */
export function writeTokenKeys(work: string): Readonly<Record<'ES256' | 'RS256', KeyObject>> {
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const jwks = []
  for (const [alg, { publicKey }] of [
    ['ES256', ec],
    ['RS256', rsa],
  ] as const) {
    const pem = publicKey.export({ format: 'pem', type: 'spki' })
    writeFileSync(join(work, `jwt-${alg.toLowerCase()}.pub`), pem)
    jwks.push({ ...publicKey.export({ format: 'jwk' }), kid: alg.toLowerCase(), use: 'sig', alg })
  }
  writeFileSync(join(work, 'jwks.json'), JSON.stringify({ keys: jwks }))
  return { ES256: ec.privateKey, RS256: rsa.privateKey }
}

const pemOf = (key: KeyObject): string => key.export({ format: 'pem', type: 'pkcs8' }).toString()
