import type { Blocker } from '@countersign/contract/platform'
import { temporaryFolder } from '@countersign/ground/testkit'
import { describe, expect, test } from 'vitest'
import { DAY_MS, ROOT, now, quorumOf } from '../../testing/cert-answers.ts'
import { runLine } from '../../testing/run-line.ts'
import { startTestAuthorities } from '../../testing/test-authorities.ts'

/* Against real mTLS authorities that answer the contract. */
const NEW_ROOT = 'b'.repeat(40)

describe('cert rotate-root', () => {
  const blocker: Blocker = {
    who: 'order-1',
    why: 'trusts sequence 1, and 2 is needed',
    serial: '1a2b',
    until: now + 600_000,
  }
  /** An authority that takes `prepare` and `activate` at once, and `retire` once nothing blocks. */
  function rotating(blocked: { blockers: Blocker[] }) {
    const asked: unknown[] = []
    /** Ends when a caller has been told what blocks `retire`. */
    const refused = Promise.withResolvers<void>()
    const taken = new Set<string>()
    const rotate = ({ body }: { body: { step: string; dryRun?: boolean; without?: string[] } }) => {
      asked.push(body)
      const blockers =
        body.step === 'retire'
          ? blocked.blockers.filter(({ who }) => !body.without?.includes(who))
          : []
      const does = blockers.length === 0 && body.dryRun !== true
      const before = taken.has(body.step)
      if (does) taken.add(body.step)
      if (blockers.length > 0) refused.resolve()
      return { taken: does && !before, done: before, blockers, sequence: taken.size }
    }
    const quorum = () =>
      quorumOf('authority-1', {
        roots: [
          { id: NEW_ROOT, state: 'active', notAfter: now + 9 * DAY_MS, keyIsHere: true },
          ...(taken.has('activate') && !taken.has('retire')
            ? [{ id: ROOT, state: 'old' as const, notAfter: now + DAY_MS, keyIsHere: true }]
            : []),
        ],
      })
    return { asked, retireRefused: refused.promise, answers: { rotate, quorum } }
  }

  test('takes all steps, and waits for the evidence of the last', async () => {
    using folder = temporaryFolder()
    const blocked = { blockers: [blocker] }
    const { answers, retireRefused } = rotating(blocked)
    await using _ = await startTestAuthorities(folder.path, [answers])
    const line = runLine(folder.path, 'cert rotate-root --timeout 30s')
    await retireRefused
    blocked.blockers = []
    const { code, notes, out } = await line
    expect(code).toBe(0)
    expect(notes.split('\n')).toEqual([
      'prepare: done (sequence 1)',
      'activate: done (sequence 2)',
      'retire waits for order-1: trusts sequence 1, and 2 is needed',
      'retire: done (sequence 3)',
    ])
    expect(out).toContain('The root is rotated')
  })

  test('a refused step ends with 1 and names each blocker, and what to do', async () => {
    using folder = temporaryFolder()
    const { answers } = rotating({ blockers: [blocker] })
    await using _ = await startTestAuthorities(folder.path, [answers])
    const { code, out } = await runLine(folder.path, 'cert rotate-root --step retire')
    expect(code).toBe(1)
    expect(out).toContain('retire is refused')
    expect(out).toContain('order-1: trusts sequence 1, and 2 is needed')
    expect(out).toContain('countersign down order-1 && countersign up order-1')
    expect(out).toContain('countersign cert revoke 1a2b')
    expect(out).toMatch(/in (9|10) min/)
    expect(out).toContain('--without order-1')
    const json = await runLine(folder.path, 'cert rotate-root --step retire --json')
    expect(json.code).toBe(1)
    expect(JSON.parse(json.out)).toMatchObject({ end: 'late', blockers: [{ who: 'order-1' }] })
  })

  test('goes on without a blocker that the operator answers for, and dry runs change nothing', async () => {
    using folder = temporaryFolder()
    const { answers, asked } = rotating({ blockers: [blocker] })
    await using _ = await startTestAuthorities(folder.path, [answers])
    const dry = await runLine(folder.path, 'cert rotate-root --step retire --dry-run')
    expect(dry).toMatchObject({ code: 1, out: expect.stringContaining('would be refused') })
    const first = await runLine(folder.path, 'cert rotate-root --dry-run')
    expect(first).toMatchObject({ code: 0, out: 'prepare would be taken' })
    const line = 'cert rotate-root --step retire --without order-1 order-2'
    expect((await runLine(folder.path, line)).code).toBe(0)
    expect(asked.at(-1)).toEqual({ kind: 'root', step: 'retire', without: ['order-1', 'order-2'] })
  })

  test('names many who are in the way, and not all of their reasons', async () => {
    using folder = temporaryFolder()
    const blockers = Array.from({ length: 9 }, (_, i) => ({ ...blocker, who: `order-${i}` }))
    const { answers } = rotating({ blockers: [...blockers, ...blockers] })
    await using _ = await startTestAuthorities(folder.path, [answers])
    const { notes } = await runLine(folder.path, 'cert rotate-root --timeout 3s')
    expect(notes).toContain(
      'retire waits for 9: order-0, order-1, order-2, order-3, order-4, order-5 and 3 more',
    )
  })

  test('gives up when the time is over, says how to go on, and goes on there', async () => {
    using folder = temporaryFolder()
    const blocked = { blockers: [blocker] }
    const { answers, asked } = rotating(blocked)
    await using _ = await startTestAuthorities(folder.path, [answers])
    const late = await runLine(folder.path, 'cert rotate-root --timeout 3s')
    expect(late.code).toBe(1)
    expect(late.out).toContain('retire could not be taken within 3s')
    expect(late.out).toContain('Go on with: countersign cert rotate-root')
    expect(late.out).toContain('--step rollback')
    blocked.blockers = []
    asked.length = 0
    expect((await runLine(folder.path, 'cert rotate-root')).code).toBe(0)
    expect(asked).toEqual([{ kind: 'root', step: 'retire' }])
  })

  test('Ctrl-C leaves it where it is', async () => {
    using folder = temporaryFolder()
    const { answers, retireRefused } = rotating({ blockers: [blocker] })
    await using _ = await startTestAuthorities(folder.path, [answers])
    const line = runLine(folder.path, 'cert rotate-root --timeout 30s')
    await retireRefused
    process.emit('SIGINT')
    const { code, out } = await line
    expect(code).toBe(1)
    expect(out).toContain('stopped before retire')
    expect(process.listenerCount('SIGINT')).toBe(0)
  })

  test('asks another authority when the one it asked goes away', async () => {
    using folder = temporaryFolder()
    const blocked = { blockers: [blocker] }
    const { answers, retireRefused } = rotating(blocked)
    await using authorities = await startTestAuthorities(folder.path, [answers, answers])
    const line = runLine(folder.path, 'cert rotate-root --timeout 30s')
    await retireRefused
    await authorities.stop(0)
    blocked.blockers = []
    expect((await line).code).toBe(0)
  })

  test('steps and times that are not known end with 2', async () => {
    using folder = temporaryFolder()
    expect((await runLine(folder.path, 'cert rotate-root --step undo')).code).toBe(2)
    expect((await runLine(folder.path, 'cert rotate-intermediate --timeout soon')).code).toBe(2)
  })
})
