import type { CertificateView } from '@countersign/contract/platform'
import { temporaryFolder } from '@countersign/ground/testkit'
import { describe, expect, test } from 'vitest'
import { certificate, certificates } from '../../testing/cert-answers.ts'
import { runLine } from '../../testing/run-line.ts'
import { startTestAuthorities } from '../../testing/test-authorities.ts'

/* Against real mTLS authorities that answer the contract. */
describe('cert revoke', () => {
  const revoking = (...all: CertificateView[]) => {
    const bodies: unknown[] = []
    const revoke = ({ body }: { body: unknown }) => {
      bodies.push(body)
      return { revoked: all.map(({ serial, name }) => ({ serial, name })) }
    }
    return { bodies, answers: { revoke, ...certificates(...all) } }
  }
  const serial = '2f4c6d8e9a'

  test('takes a beginning of a serial as people and other programs write it', async () => {
    using folder = temporaryFolder()
    const { answers, bodies } = revoking(certificate(serial), certificate('9abc'))
    await using _ = await startTestAuthorities(folder.path, [answers])
    const line = 'cert revoke 2F:4C:6D --yes --reason keyCompromise'
    const { code, out } = await runLine(folder.path, line)
    expect(code).toBe(0)
    expect(bodies).toEqual([{ of: { serial }, reason: 'keyCompromise' }])
    expect(out).toContain(serial)
  })

  test('takes all of a name', async () => {
    using folder = temporaryFolder()
    const { answers, bodies } = revoking(certificate(serial), certificate('9abc'))
    await using _ = await startTestAuthorities(folder.path, [answers])
    expect((await runLine(folder.path, 'cert revoke order --yes')).code).toBe(0)
    expect(bodies).toEqual([{ of: { name: 'order' } }])
  })

  test('asks first, and nobody to ask is no yes', async () => {
    using folder = temporaryFolder()
    const { answers, bodies } = revoking(certificate(serial))
    await using _ = await startTestAuthorities(folder.path, [answers])
    expect((await runLine(folder.path, 'cert revoke order')).code).toBe(2)
    const questions: string[] = []
    const ask = (yes: boolean) => ({
      confirm: async (question: string) => {
        questions.push(question)
        return yes
      },
      secret: async () => undefined,
    })
    const no = await runLine(folder.path, 'cert revoke order', ask(false))
    expect(no).toMatchObject({ code: 1, notes: expect.stringContaining('nothing was taken back') })
    expect(no.notes).toContain(serial)
    expect(bodies).toEqual([])
    expect((await runLine(folder.path, 'cert revoke order', ask(true))).code).toBe(0)
    expect(questions).toEqual(
      Array(2).fill('Take back the certificate of order, everywhere and for good?'),
    )
  })

  test('refuses what is ambiguous, unknown, or the certificate that it stands on itself', async () => {
    using folder = temporaryFolder()
    const own: CertificateView[] = []
    const others = [
      certificate('2f4c6d'),
      certificate('2f4c7e'),
      certificate('feed1', { name: 'spiffe://test.local/service/feed' }),
    ]
    const { answers, bodies } = revoking()
    const all = { certificates: () => ({ certificates: [...others, ...own] }) }
    await using authorities = await startTestAuthorities(folder.path, [{ ...answers, ...all }])
    own.push(certificate(authorities.deskSerial, { name: 'spiffe://test.local/platform/desk' }))
    expect(await runLine(folder.path, 'cert revoke 2f4c --yes')).toMatchObject({
      code: 2,
      notes: expect.stringContaining('2f4c7e'),
    })
    expect(await runLine(folder.path, 'cert revoke feed --yes')).toMatchObject({
      code: 2,
      notes: expect.stringContaining('the workload feed'),
    })
    expect((await runLine(folder.path, 'cert revoke nobody --yes')).code).toBe(1)
    expect((await runLine(folder.path, 'cert revoke order --yes --reason because')).code).toBe(2)
    for (const word of ['desk', authorities.deskSerial.slice(0, 12)])
      expect(await runLine(folder.path, `cert revoke ${word} --yes`)).toMatchObject({
        code: 1,
        notes: expect.stringContaining('cut itself off in the act'),
      })
    expect(bodies).toEqual([])
  })
})
