import type { CertificateView } from '@countersign/contract/platform'
import { temporaryFolder } from '@countersign/ground/testkit'
import { describe, expect, test } from 'vitest'
import { DAY_MS, certificate, certificates, now, quorumOf } from '../../testing/cert-answers.ts'
import { runLine } from '../../testing/run-line.ts'
import { startTestAuthorities } from '../../testing/test-authorities.ts'

/* Against real mTLS authorities that answer the contract. */
describe('cert ls', () => {
  test('shows roots, intermediates, and what all authorities together know to be in use', async () => {
    using folder = temporaryFolder()
    await using authorities = await startTestAuthorities(folder.path, [
      {
        quorum: () => quorumOf('authority-1'),
        ...certificates(
          certificate('1a'),
          certificate('2b', { usedBy: 'order-1' }),
          // What order-1 showed before.
          certificate('5e', { usedBy: 'order-1', notBefore: now - 1 }),
        ),
      },
      {
        quorum: () => quorumOf('authority-2'),
        ...certificates(
          certificate('1a', { usedBy: 'order-2' }),
          certificate('3c', { name: 'a.example,b.example', kind: 'acme' }),
          certificate('4d'),
        ),
      },
    ])
    const { code, out, notes } = await runLine(folder.path, 'cert ls')
    expect(code).toBe(0)
    expect(out).toMatch(/aaaaaaaaaaaaaaaa {2}active {2}here {2}3000 d/)
    expect(out).toMatch(/authority-2 {2}cccccccccccccccc {2}aaaaaaaaaaaaaaaa {2}active {2}300 d/)
    expect(out).toMatch(/1a +spiffe:\/\/test.local\/service\/order +join +order-2/)
    expect(out).toMatch(/3c +a\.example,b\.example +acme/)
    expect(out).not.toMatch(/^(4d|5e)/m)
    expect(out).toMatch(/^2b/m)
    expect(notes).toContain('2 more are valid, and nobody shows them now')
    expect((await runLine(folder.path, 'cert ls --all')).out).toMatch(/^4d/m)
    const { out: json } = await runLine(folder.path, 'cert ls --json --name b.example')
    expect(JSON.parse(json)).toMatchObject({ certificates: [{ serial: '3c' }], silent: [] })
    const named = JSON.parse((await runLine(folder.path, 'cert ls --json --name order')).out)
    expect(named.certificates.map((each: CertificateView) => each.serial)).toEqual(['1a', '2b'])
    await authorities.stop(0)
    const half = await runLine(folder.path, 'cert ls')
    expect(half.code).toBe(0)
    expect(half.notes).toContain(`no answer from 127.0.0.1:${authorities.ports[0]}`)
  })

  test('ends with 1 where no authority answers, and names each', async () => {
    using folder = temporaryFolder()
    await using authorities = await startTestAuthorities(folder.path, [{}, {}])
    await authorities.stop(0)
    await authorities.stop(1)
    const { code, notes } = await runLine(folder.path, 'cert ls')
    expect(code).toBe(1)
    for (const port of authorities.ports) expect(notes).toContain(`127.0.0.1:${port}`)
  })

  test.each(['ls', 'quorum', 'rotate-root', 'revoke order', 'acme-key nginx'])(
    '%s ends with 3 where nothing runs',
    async (words) => {
      using folder = temporaryFolder()
      expect((await runLine(folder.path, `cert ${words}`)).code).toBe(3)
    },
  )
})

describe('cert quorum', () => {
  test('is 0 where all are up and agree, and 1 where they do not', async () => {
    using folder = temporaryFolder()
    let second = quorumOf('authority-2')
    await using authorities = await startTestAuthorities(folder.path, [
      { quorum: () => quorumOf('authority-1') },
      { quorum: () => second },
    ])
    const well = await runLine(folder.path, 'cert quorum')
    expect(well).toMatchObject({ code: 0, out: expect.stringContaining('They agree.') })
    expect(well.out).toMatch(/authority-1 {2}up +1 +r1 +cccccccccccccccc {2}300 d/)
    second = quorumOf('authority-2', { sequence: 2, revision: 'r2' })
    const odd = await runLine(folder.path, 'cert quorum')
    expect(odd).toMatchObject({ code: 1, out: expect.stringContaining('They do not agree') })
    second = quorumOf('authority-2')
    await authorities.stop(1)
    const down = await runLine(folder.path, 'cert quorum')
    expect(down.code).toBe(1)
    expect(down.out).toMatch(/authority-2 {2}down since/)
    const json = JSON.parse((await runLine(folder.path, 'cert quorum --json')).out)
    expect(json).toMatchObject({ agree: true, allUp: false })
  })
})

describe('cert forecast', () => {
  const finding = {
    at: now + 30 * DAY_MS,
    who: 'authority-2',
    severity: 'breaks' as const,
    what: 'its intermediate ends\u001b[2J',
    prevent: 'countersign cert rotate-intermediate',
  }
  test('tells what breaks, when, and what prevents it; each once', async () => {
    using folder = temporaryFolder()
    const asked: number[] = []
    const forecast = ({ query }: { query: { at: number } }) => {
      asked.push(query.at)
      const findings = query.at > finding.at ? [finding] : []
      return { now, at: query.at, findings }
    }
    await using authorities = await startTestAuthorities(folder.path, [{ forecast }, { forecast }])
    const { code, out } = await runLine(folder.path, 'cert forecast --at +40d')
    expect(code).toBe(1)
    expect(out).toMatch(/in 30 d {2}breaks {2}authority-2: its intermediate ends/)
    expect(out.match(/rotate-intermediate/g)).toHaveLength(1)
    expect(out).not.toContain('\u001b')
    expect(asked[0]).toBeGreaterThan(now + 39 * DAY_MS)
    const soon = new Date(now + 20 * DAY_MS).toISOString()
    const calm = await runLine(folder.path, `cert forecast --at ${soon}`)
    expect(calm).toMatchObject({ code: 0, out: expect.stringContaining('Nothing breaks before') })
    expect(asked.at(-1)).toBe(now + 20 * DAY_MS)
    await authorities.stop(0)
    const half = await runLine(folder.path, 'cert forecast --json')
    expect(JSON.parse(half.out)).toMatchObject({
      findings: [finding],
      silent: [expect.any(String)],
    })
    for (const at of ['soon', '2020-01-01', '40d'])
      expect((await runLine(folder.path, `cert forecast --at ${at}`)).code).toBe(2)
  })
})
