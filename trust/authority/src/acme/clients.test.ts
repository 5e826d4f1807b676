import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { has, temporaryFolder } from '@countersign/ground/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type AcmeHost, startAcme } from './testing/acme-host.ts'
import { makePlace, type Place, run, serveAlpn, serveTokens } from './testing/clients.ts'

/*
 * The clients that people have: each makes an account with external binding, gets a certificate, renews it and revokes
 * it; by http-01, and by dns-01 and tls-alpn-01 where it can. Once as usual, and by http-01 once more with every fifth
 * good nonce refused. They run side by side, but for those that answer at the same port.
 */
const MAIL = 'ops@acme.test'
const TIMEOUT_MS = 180_000

describe.each([
  ['a server', '0'],
  ['a server that refuses a fifth of good nonces', '0.2'],
])('%s', (_, share) => {
  const refusing = share !== '0'
  const atHttpPort = oneByOne()
  const atTlsPort = oneByOne()
  let folder: ReturnType<typeof temporaryFolder>
  let host: AcmeHost
  beforeAll(async () => {
    folder = temporaryFolder()
    host = await startAcme({ folder: folder.path, env: { AUTHORITY_ACME_REJECT_NONCES: share } })
  })
  afterAll(async () => {
    await host.close()
    folder[Symbol.dispose]()
  })
  const place = (name: string): Promise<Place> => makePlace(host, join(folder.path, name))

  /** The certificates of a name, as the server has them, and whether each was revoked. */
  const held = (name: string): boolean[] =>
    host.house.authority.issued
      .list({ kind: 'acme', name })
      .sort((a, b) => a.askedAt - b.askedAt)
      .map(({ serial }) => host.house.revocations.has({ serial }))

  describe.skipIf(!has('certbot'))('certbot', () => {
    it.concurrent(
      'issues, renews and revokes by http-01',
      () =>
        atHttpPort(async () => {
          const at = await place('certbot')
          const certbot = certbotAt(at)
          const port = ['--http-01-port', String(host.httpPort), '--http-01-address', '127.0.0.1']
          const names = ['-d', 'certbot.acme.test', '-d', 'www.certbot.acme.test']
          await certbot('certonly', '--standalone', ...port, ...eab(at), ...names)
          expect(held('certbot.acme.test')).toEqual([false])
          await certbot('renew', '--force-renewal', '--no-random-sleep-on-renew')
          expect(held('www.certbot.acme.test')).toEqual([false, false])
          await certbot('revoke', '--cert-name', 'certbot.acme.test', '--no-delete-after-revoke')
          expect(held('certbot.acme.test')).toEqual([false, true])
        }),
      TIMEOUT_MS,
    )
    if (refusing) return

    it.concurrent(
      'issues a wildcard by dns-01',
      async () => {
        const at = await place('certbot-dns')
        const hook = join(at.folder, 'hook.sh')
        const call = `"${at.hook}" "_acme-challenge.$CERTBOT_DOMAIN" "$CERTBOT_VALIDATION"`
        writeFileSync(hook, `#!/bin/sh\n${call}\n`, { mode: 0o755 })
        const manual = ['--manual', '--preferred-challenges', 'dns', '--manual-auth-hook', hook]
        const names = ['-d', '*.certbot-dns.acme.test', '-d', 'certbot-dns.acme.test']
        await certbotAt(at)('certonly', ...manual, ...eab(at), ...names)
        expect(held('*.certbot-dns.acme.test')).toEqual([false])
      },
      TIMEOUT_MS,
    )
  })

  describe.skipIf(!has('lego'))('lego', () => {
    it.concurrent(
      'issues, renews and revokes by http-01',
      () =>
        atHttpPort(async () => {
          const at = await place('lego')
          const lego = legoAt(
            at,
            'lego.acme.test',
            '--http',
            '--http.port',
            `127.0.0.1:${host.httpPort}`,
          )
          await lego('run')
          await lego('renew', '--days', '365', '--no-random-sleep')
          expect(held('lego.acme.test')).toEqual([false, false])
          await lego('revoke')
          expect(held('lego.acme.test')).toEqual([false, true])
        }),
      TIMEOUT_MS,
    )
    if (refusing) return

    it.concurrent(
      'issues by tls-alpn-01',
      () =>
        atTlsPort(async () => {
          const tls = ['--tls', '--tls.port', `127.0.0.1:${host.tlsPort}`]
          await legoAt(await place('lego-tls'), 'lego-tls.acme.test', ...tls)('run')
          expect(held('lego-tls.acme.test')).toEqual([false])
        }),
      TIMEOUT_MS,
    )

    it.concurrent(
      'issues a wildcard by dns-01',
      async () => {
        const at = await place('lego-dns')
        const script = join(at.folder, 'exec.sh')
        writeFileSync(script, `#!/bin/sh\n[ "$1" = present ] && "${at.hook}" "$2" "$3"\nexit 0\n`, {
          mode: 0o755,
        })
        const dns = ['--dns', 'exec', '--dns.disable-cp', '--dns.resolvers', host.dns.address]
        const lego = legoAt({ ...at, hook: script }, '*.lego-dns.acme.test', ...dns)
        await lego('run')
        expect(held('*.lego-dns.acme.test')).toEqual([false])
      },
      TIMEOUT_MS,
    )
  })

  describe.skipIf(!has('dehydrated'))('dehydrated', () => {
    it.concurrent(
      'issues, renews and revokes by http-01',
      () =>
        atHttpPort(async () => {
          const at = await place('dehydrated')
          const dehydrated = dehydratedAt(at, 'http-01', refusing)
          const name = 'dehydrated.acme.test'
          const answering = await serveTokens(join(at.folder, 'tokens'), host.httpPort)
          try {
            await dehydrated('--register', '--accept-terms')
            await dehydrated('--cron', '--domain', name)
            expect(held(name)).toContain(false)
            await dehydrated('--cron', '--force', '--domain', name)
            expect(held(name).length).toBeGreaterThanOrEqual(2)
            await dehydrated('--revoke', join(at.folder, 'certs', name, 'cert.pem'))
            expect(held(name).filter(Boolean)).toHaveLength(1)
          } finally {
            answering.close()
          }
        }),
      TIMEOUT_MS,
    )
    if (refusing) return

    it.concurrent(
      'issues by dns-01',
      async () => {
        const dehydrated = dehydratedAt(await place('dehydrated-dns'), 'dns-01', false)
        await dehydrated('--register', '--accept-terms')
        await dehydrated('--cron', '--domain', 'dehydrated-dns.acme.test')
        expect(held('dehydrated-dns.acme.test')).toEqual([false])
      },
      TIMEOUT_MS,
    )

    it.concurrent(
      'issues by tls-alpn-01',
      () =>
        atTlsPort(async () => {
          const at = await place('dehydrated-tls')
          const dehydrated = dehydratedAt(at, 'tls-alpn-01', false)
          const answering = await serveAlpn(join(at.folder, 'alpn'), host.tlsPort)
          try {
            await dehydrated('--register', '--accept-terms')
            await dehydrated('--cron', '--domain', 'dehydrated-tls.acme.test')
            expect(held('dehydrated-tls.acme.test')).toEqual([false])
          } finally {
            answering.close()
          }
        }),
      TIMEOUT_MS,
    )
  })
})

/** Runs what it is given one after the other. */
function oneByOne(): (run: () => Promise<void>) => Promise<void> {
  let last: Promise<unknown> = Promise.resolve()
  return (run) => {
    const ended = last.then(run)
    last = ended.catch(() => undefined)
    return ended
  }
}

type Client = (...args: string[]) => Promise<void>

function eab({ keyId, macKey }: Place): string[] {
  return ['--eab-kid', keyId, '--eab-hmac-key', macKey]
}

async function succeed(ran: ReturnType<typeof run>): Promise<void> {
  const { code, output } = await ran
  expect(code, output).toBe(0)
}

function certbotAt({ host, folder, bundle }: Place): Client {
  const folders = ['config', 'work', 'logs'].flatMap((each) => [
    `--${each}-dir`,
    join(folder, each),
  ])
  const common = ['--non-interactive', '--agree-tos', '--email', MAIL, '--server', host.directory]
  return (...args) =>
    succeed(
      run('certbot', [...args, ...common, ...folders], { env: { REQUESTS_CA_BUNDLE: bundle } }),
    )
}

function legoAt(at: Place, name: string, ...how: string[]): Client {
  const { host, folder, bundle, hook, keyId, macKey } = at
  const common = ['--server', host.directory, '--email', MAIL, '--accept-tos', '--path', folder]
  const binding = ['--eab', '--kid', keyId, '--hmac', macKey]
  const env = { LEGO_CA_CERTIFICATES: bundle, EXEC_PATH: hook }
  return (...args) =>
    succeed(run('lego', [...common, ...binding, '--domains', name, ...how, ...args], { env }))
}

/**
 * It gives up when a nonce is refused: whoever runs it has a timer that runs it again. So does this, where nonces are
 * refused by chance.
 */
function dehydratedAt(at: Place, type: string, again: boolean): Client {
  const { host, folder, bundle, hook, keyId, macKey } = at
  const script = join(folder, 'hook.sh')
  const put = `[ "$1" = deploy_challenge ] && "${hook}" "_acme-challenge.$2" "$4"`
  writeFileSync(script, `#!/bin/sh\n${put}\nexit 0\n`, { mode: 0o755 })
  const config = join(folder, 'config')
  const lines = {
    ...{ CA: host.directory, BASEDIR: folder, WELLKNOWN: join(folder, 'tokens') },
    ...{ ALPNCERTDIR: join(folder, 'alpn'), CHALLENGETYPE: type, CONTACT_EMAIL: MAIL },
    ...{ CURL_OPTS: `--cacert ${bundle}`, EAB_KID: keyId, EAB_HMAC_KEY: macKey },
    ...(type === 'dns-01' ? { HOOK: script } : {}),
    KEY_ALGO: 'secp384r1',
  }
  const text = Object.entries(lines).map(([key, value]) => `${key}="${value}"\n`)
  writeFileSync(config, text.join(''))
  return async (...args) => {
    for (let left = again ? 60 : 0; left > 0; left--) {
      const { code } = await run('dehydrated', ['--config', config, ...args])
      if (code === 0) return
    }
    await succeed(run('dehydrated', ['--config', config, ...args]))
  }
}
