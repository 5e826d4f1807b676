import { temporaryFolder } from '@countersign/ground/testkit'
import { describe, expect, test } from 'vitest'
import { runLine } from '../../testing/run-line.ts'
import { startTestAuthorities, TestRefusal } from '../../testing/test-authorities.ts'

/* Against real mTLS authorities that answer the contract. */
describe('cert acme-key', () => {
  const key = {
    keyId: 'kid-1',
    macKey: 'bWFjLWtleQ',
    directories: [
      'https://localhost:14001/acme/directory',
      'https://localhost:14002/acme/directory',
    ],
    expiresAt: '2027-01-01T00:00:00.000Z',
  }

  test('shows the key and lines for the clients', async () => {
    using folder = temporaryFolder()
    const bodies: unknown[] = []
    const createAcmeKey = ({ body }: { body: unknown }) => {
      bodies.push(body)
      return key
    }
    await using _ = await startTestAuthorities(folder.path, [{ createAcmeKey }])
    const line = 'cert acme-key nginx --names lan,B.example --ttl 7d'
    const { code, out } = await runLine(folder.path, line)
    expect(code).toBe(0)
    expect(bodies).toEqual([
      { label: 'nginx', names: ['lan', 'b.example'], ttlSeconds: 7 * 86_400 },
    ])
    for (const text of [key.keyId, key.macKey, ...key.directories, 'certbot', 'lego', 'dehydrated'])
      expect(out).toContain(text)
    expect(out).toContain('port 80 of their addresses')
    expect(out).toContain('127.0.0.0/8,::1/128. Otherwise set certificates.acme.networks')
    expect(JSON.parse((await runLine(folder.path, 'cert acme-key x --json')).out)).toEqual(key)
  })

  test('passes on what the authority says of names that it does not allow', async () => {
    using folder = temporaryFolder()
    const createAcmeKey = () => {
      throw new TestRefusal(400, 'example.com is not allowed here')
    }
    await using _ = await startTestAuthorities(folder.path, [{ createAcmeKey }, {}])
    expect(await runLine(folder.path, 'cert acme-key x --names example.com')).toMatchObject({
      code: 1,
      notes: expect.stringContaining('example.com is not allowed here'),
    })
    expect((await runLine(folder.path, 'cert acme-key x --ttl never')).code).toBe(2)
  })
})
