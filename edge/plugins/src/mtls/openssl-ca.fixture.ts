import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { spiffeId } from '@countersign/ground/spiffe'
import { has } from '@countersign/ground/testkit'
import { createRoot, generateKeyPair, type Issuer } from '@countersign/ground/x509'
import { span } from './mtls-house.fixture.ts'

/** Who signs answers: the CA itself, whom it has told to, and a client of it, who may not. */
type Signer = 'root' | 'responder' | 'other'

/** A root, and below it certificates that openssl makes, as anyone's would be; answers of OCSP, too, are openssl's. */
export interface OpensslCa {
  readonly root: string
  readonly issuer: Issuer
  /** A client named by its subject alone (`till 7`), and where it is said whether it was taken back. PEM. */
  client(wanted: { serial: string; crlUrl?: string; ocspUrl?: string }): string
  /** Answers a question by openssl, which holds these serials for good or revoked, with the key of `by`. */
  answer(question: Buffer, known: { good?: string; revoked?: string; by?: Signer }): Buffer
}

export async function createOpensslCa(folder: string): Promise<OpensslCa> {
  const keys = await generateKeyPair()
  const root = createRoot({
    ...{ trustDomainId: spiffeId('till.test'), commonName: 'till root', keys, span, pathLength: 0 },
  })
  const file = (name: string): string => join(folder, name)
  writeFileSync(file('root.pem'), root)
  writeFileSync(file('root.key'), keys.privateKey.export({ format: 'pem', type: 'pkcs8' }))
  const sign = (name: string, subject: string, wanted: { serial: string; lines: string[] }) => {
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
    const csr = file(`${name}.csr`)
    openssl('req', ...key, '-keyout', file(`${name}.key`), '-subj', subject, '-out', csr)
    const common = ['subjectKeyIdentifier = hash', 'authorityKeyIdentifier = keyid']
    const usage = ['keyUsage = critical, digitalSignature', 'basicConstraints = critical, CA:FALSE']
    writeFileSync(file(`${name}.cnf`), [...common, ...usage, ...wanted.lines].join('\n'))
    const by = ['-CA', file('root.pem'), '-CAkey', file('root.key')]
    const how = ['-set_serial', `0x${wanted.serial}`, '-days', '1', '-extfile', file(`${name}.cnf`)]
    openssl('x509', '-req', '-in', csr, ...by, ...how, '-out', file(`${name}.pem`))
    return readFileSync(file(`${name}.pem`), 'utf8')
  }
  if (has('openssl'))
    for (const [name, usage] of [
      ['responder', 'OCSPSigning'] as const,
      ['other', 'clientAuth'] as const,
    ])
      sign(name, `/CN=${name}`, { serial: '7', lines: [`extendedKeyUsage = ${usage}`] })
  return {
    ...{ root, issuer: { certificate: root, privateKey: keys.privateKey } },
    client: ({ serial, crlUrl, ocspUrl }) => {
      if (!has('openssl')) return ''
      const crl = crlUrl === undefined ? [] : [`crlDistributionPoints = URI:${crlUrl}`]
      const ocsp = ocspUrl === undefined ? [] : [`authorityInfoAccess = OCSP;URI:${ocspUrl}`]
      const lines = ['extendedKeyUsage = clientAuth', ...crl, ...ocsp]
      return sign('leaf', '/O=Partner, Inc./CN=till 7', { serial, lines })
    },
    answer: (question, { good, revoked, by = 'responder' }) => {
      const row = (state: string, serial: string) =>
        `${state}\t350101000000Z\t${state === 'R' ? '250101000000Z' : ''}\t${serial.toUpperCase()}\tunknown\t/CN=x\n`
      const rows = [good && row('V', good), revoked && row('R', revoked)]
      writeFileSync(file('index.txt'), rows.filter(Boolean).join(''))
      writeFileSync(file('question.der'), question)
      openssl(
        ...['ocsp', '-index', file('index.txt'), '-CA', file('root.pem'), '-ndays', '1'],
        ...['-rsigner', file(`${by}.pem`), '-rkey', file(`${by}.key`)],
        ...['-reqin', file('question.der'), '-respout', file('answer.der')],
      )
      return readFileSync(file('answer.der'))
    },
  }
}

function openssl(...parts: string[]): void {
  execFileSync('openssl', parts, { stdio: 'ignore', timeout: 10_000 })
}
