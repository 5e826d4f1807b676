import { X509Certificate } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { Agent } from 'node:https'
import { join } from 'node:path'
import { temporaryFolder } from '@countersign/ground/testkit'
import { readPem } from '@countersign/ground/x509'
import acme from 'acme-client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type AcmeHost, startAcme } from './testing/acme-host.ts'
import { serveAlpn, serveTokens } from './testing/clients.ts'

/* The npm package acme-client: what certbot and the others do, and the change of an account's key, which they cannot. */
describe.each([
  ['a server', '0'],
  ['a server that refuses a fifth of good nonces', '0.2'],
])('%s', (_, share) => {
  let folder: ReturnType<typeof temporaryFolder>
  let host: AcmeHost
  beforeAll(async () => {
    folder = temporaryFolder()
    host = await startAcme({ folder: folder.path, env: { AUTHORITY_ACME_REJECT_NONCES: share } })
    acme.axios.defaults.httpsAgent = new Agent({ ca: host.bundle })
  })
  afterAll(async () => {
    await host.close()
    folder[Symbol.dispose]()
  })

  const clientFor = async (accountKey: Buffer): Promise<acme.Client> => {
    const { keyId, macKey } = await host.createKey()
    const externalAccountBinding = { kid: keyId, hmacKey: macKey }
    const timing = { backoffAttempts: 20, backoffMin: 50, backoffMax: 200 }
    const client = new acme.Client({
      ...{ directoryUrl: host.directory, accountKey, externalAccountBinding, ...timing },
    })
    await client.createAccount({ termsOfServiceAgreed: true, contact: ['mailto:ops@acme.test'] })
    return client
  }

  /** Proves a name in the way that `put` prepares, and gets a certificate for it. */
  const obtain = async (client: acme.Client, names: string[], put: Put): Promise<string> => {
    const identifiers = names.map((value) => ({ type: 'dns', value }))
    const order = await client.createOrder({ identifiers })
    for (const authorization of await client.getAuthorizations(order)) {
      if (authorization.status === 'valid') continue
      const challenge = authorization.challenges.find(({ type }) => type === put.type)
      if (challenge === undefined) throw new Error(`no ${put.type}`)
      await put.run(authorization, challenge, await client.getChallengeKeyAuthorization(challenge))
      await client.completeChallenge(challenge)
      await client.waitForValidStatus(challenge)
    }
    const key = await acme.crypto.createPrivateEcdsaKey()
    const [, csr] = await acme.crypto.createCsr({ altNames: names }, key)
    return await client.getCertificate(await client.finalizeOrder(order, csr))
  }

  interface Put {
    readonly type: string
    run(
      authorization: acme.Authorization,
      challenge: { token: string },
      answer: string,
    ): Promise<void> | void
  }
  const byHttp: Put = {
    type: 'http-01',
    run: (_, { token }, answer) => writeFileSync(join(folder.path, 'tokens', token), answer),
  }
  const byDns: Put = {
    type: 'dns-01',
    run: ({ identifier }, _, answer) =>
      writeFileSync(join(host.txtFolder, `_acme-challenge.${identifier.value}`), `${answer}\n`),
  }
  const byTls: Put = {
    type: 'tls-alpn-01',
    run: async (authorization, _, answer) => {
      const key = await acme.crypto.createPrivateEcdsaKey()
      const made = await acme.crypto.createAlpnCertificate(authorization, answer, key)
      const at = join(folder.path, 'alpn', authorization.identifier.value)
      writeFileSync(`${at}.key.pem`, made[0])
      writeFileSync(`${at}.crt.pem`, made[1])
    },
  }

  it('serves all of its challenges, renewal, revocation and the change of its key', async () => {
    const answering = [
      await serveTokens(join(folder.path, 'tokens'), host.httpPort),
      await serveAlpn(join(folder.path, 'alpn'), host.tlsPort),
    ]
    const client = await clientFor(await acme.crypto.createPrivateEcdsaKey())
    const first = await obtain(client, ['npm.acme.test', 'www.npm.acme.test'], byHttp)
    expect(new X509Certificate(first).subjectAltName).toBe(
      'DNS:npm.acme.test, DNS:www.npm.acme.test',
    )
    await obtain(client, ['npm.acme.test'], byHttp)
    await obtain(client, ['*.npm.acme.test'], byDns)
    await obtain(client, ['tls.npm.acme.test'], byTls)
    for (const each of answering) each.close()

    await client.revokeCertificate(first, { reason: 4 })
    await expect(client.revokeCertificate(first)).rejects.toThrow('revoked before')

    const rsa = await acme.crypto.createPrivateRsaKey()
    await client.updateAccountKey(rsa)
    await client.updateAccount({ contact: ['mailto:new@acme.test'] })
    const again = await obtain(client, ['npm.acme.test'], byHttp)
    expect(readPem(again, 'CERTIFICATE')).toHaveLength(2)
  }, 60_000)
})
