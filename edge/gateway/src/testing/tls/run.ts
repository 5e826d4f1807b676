import { spawn } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createServerCertificate, generateKeyPair } from '@countersign/ground/x509'
import { has, temporaryFolder } from '@countersign/ground/testkit'
import { House } from '../house.ts'
import type { Pki } from '../pki.ts'

/*
 * npm run test:tls: testssl.sh against the public door, twice.
 *
 * 1. with the certificate of an operator, as one is bought: everything that testssl.sh knows, and no finding of LOW or above
 * 2. with the door's own certificate, which lives for a day at most: what testssl.sh says of a certificate, less what it says of a
 *    short life
 */
const HOST = 'door.test'
const DAY_MS = 86_400_000
/** A life of hours ends by itself before a list of revoked certificates would tell, and is renewed at half of it. */
const OF_A_SHORT_LIFE = ['cert_expirationStatus', 'cert_notAfter', 'cert_revocation']
const FINE = ['OK', 'INFO', 'DEBUG']
/** It says good-bye before the ticket of TLS 1.3 comes, and then has none to try: see the tests of the door for that. */
const UNTRIED = ['sessionresumption_ticket']

interface Finding {
  readonly id: string
  readonly severity: string
  readonly finding: string
}

if (!has('testssl')) throw new Error('not found: testssl; on Debian: apt-get install testssl.sh')
using folder = temporaryFolder()
const ca = join(folder.path, 'ca.pem')
const house = await House.build()
try {
  writeFileSync(ca, house.pki.bundle)
  await house.service('order-1')
  const door = await house.gateway({ GATEWAY_HOSTS: `${HOST},localhost` })
  await house.configure(await operatorsCertificate(house.pki))
  const bought = await scan(`${HOST}:${door.port}`, [])
  const own = await scan(`localhost:${door.port}`, ['--server-defaults'])
  const all = bought.concat(own.filter(({ id }) => !OF_A_SHORT_LIFE.includes(id)))
  const bad = all.filter(({ id, severity }) => severity !== 'WARN' || !UNTRIED.includes(id))
  for (const { severity, id, finding } of bad) console.log(`${severity} ${id}: ${finding}`)
  console.log(`${bad.length} findings of LOW or above`)
  if (bad.length > 0) process.exitCode = 1
} finally {
  await house.close()
}

/** A certificate for ninety days, whose revocation is told somewhere. */
async function operatorsCertificate(pki: Pki) {
  const { publicKey, privateKey } = await generateKeyPair()
  const now = Date.now()
  const leaf = createServerCertificate({
    ...{ issuer: pki.issuer, names: [HOST], publicKey, crlUrls: [`http://crl.${HOST}/1.crl`] },
    span: { notBefore: now - 3_600_000, notAfter: now + 90 * DAY_MS },
  })
  const entity = { created_at: 0, updated_at: 0, tags: null }
  const key = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
  const certificate = { id: 'bought', cert: leaf + pki.intermediate, key, ...entity }
  return {
    certificates: [{ ...certificate, cert_alt: null, key_alt: null }],
    snis: [{ id: 'sni', name: HOST, certificate: { id: 'bought' }, ...entity }],
  }
}

/** What testssl.sh finds that is not fine. Throws where it does not come to its end. */
async function scan(at: string, options: readonly string[]): Promise<readonly Finding[]> {
  const out = join(folder.path, `${at.replace(':', '-')}.json`)
  // No DNS: the name is known here alone, and what its zone says (CAA) is not the door's.
  const fixed = ['--quiet', '--color', '0', '--warnings', 'off', '--nodns', 'none']
  const where = ['--add-ca', ca, '--ip', '127.0.0.1', '--jsonfile', out, `https://${at}/`]
  const child = spawn('testssl', [...fixed, ...options, ...where], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  await new Promise((resolve) => child.once('exit', resolve))
  if (!existsSync(out)) throw new Error('testssl has not said anything')
  const findings = JSON.parse(readFileSync(out, 'utf8')) as Finding[]
  if (findings.length < 20) throw new Error('testssl has not come to its end')
  return findings.filter(({ severity }) => !FINE.includes(severity))
}
