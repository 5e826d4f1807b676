import { execFileSync } from 'node:child_process'
import { createHash, generateKeyPairSync, X509Certificate } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { has, temporaryFolder } from '@countersign/ground/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { checkShown } from './tls-alpn-01.ts'

/* RFC 8737, 3: what a server may show, made by openssl. */
const NAME = 'www.acme.test'
const digest = createHash('sha256').update('token.thumbprint').digest()
const OID = '1.3.6.1.5.5.7.1.31'
const good = `${OID}=critical,DER:0420${digest.toString('hex')}`

describe.skipIf(!has('openssl'))('a certificate of openssl', () => {
  let folder: ReturnType<typeof temporaryFolder>
  let key: string
  beforeAll(() => {
    folder = temporaryFolder()
    key = join(folder.path, 'key.pem')
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    writeFileSync(key, privateKey.export({ format: 'pem', type: 'pkcs8' }))
  })
  afterAll(() => folder[Symbol.dispose]())

  const make = (extensions: string[], signed: string[] = []): Buffer => {
    const config = join(folder.path, 'config')
    const lines = [
      '[req]',
      'distinguished_name=dn',
      'x509_extensions=e',
      '[dn]',
      '[e]',
      ...extensions,
    ]
    writeFileSync(config, `${lines.join('\n')}\n`)
    const args = ['req', '-x509', '-new', '-key', key, '-subj', '/CN=x', '-days', '1', ...signed]
    return new X509Certificate(execFileSync('openssl', [...args, '-config', config])).raw
  }
  const check = (der: Buffer) => () => checkShown(der, { name: NAME, digest })
  const san = `subjectAltName=DNS:${NAME}`

  it('made for the question passes', () => {
    expect(check(make([san, good]))).not.toThrow()
    expect(check(make([`subjectAltName=DNS:${NAME.toUpperCase()}`, good]))).not.toThrow()
  })

  // biome-ignore format: a table
  it.each([
    ['without acmeIdentifier',     [san],                                        'has no acmeIdentifier'],
    ['that is not critical',       [san, good.replace('critical,', '')],         'not critical'],
    ['for another question',       [san, good.replace(/..$/, '00')],             'another key authorization'],
    ['with a digest that is cut',  [san, `${OID}=critical,DER:041f${digest.toString('hex').slice(2)}`], 'another key authorization'],
    ['with bytes behind it',       [san, `${good}00`],                           'another key authorization'],
    ['for another name',           ['subjectAltName=DNS:acme.test', good],       'not for this one name'],
    ['for two names',              [`${san},DNS:b.acme.test`, good],             'not for this one name'],
    ['with an address',            [`${san},IP:127.0.0.1`, good],                'not for this one name'],
    ['for a wildcard',             ['subjectAltName=DNS:*.acme.test', good],     'not for this one name'],
    ['with a common name alone',   [good],                                       'not for this one name'],
  ])('%s is refused', (_, extensions, fault) => {
    expect(check(make(extensions))).toThrow(fault)
  })

  it('of another issuer, with a changed signature, or that is none, is refused', () => {
    const root = join(folder.path, 'root.pem')
    writeFileSync(root, new X509Certificate(make([])).toString())
    const below = make([san, good], ['-CA', root, '-CAkey', key, '-subj', '/CN=leaf'])
    expect(check(below)).toThrow('not signed by itself')
    const changed = Buffer.from(make([san, good]))
    changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1
    expect(check(changed)).toThrow(/not signed by itself|cannot be read/)
    expect(check(Buffer.from('nonsense'))).toThrow('cannot be read')
  })
})
