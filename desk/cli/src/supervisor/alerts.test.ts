import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '@countersign/ground/testkit'
import { describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { checkoutFolder } from '../checkout.ts'
import { runLine } from '../testing/run-line.ts'
import { all, CASES, file, rules } from './alerts.fixture.ts'

const hasPromtool = (() => {
  try {
    execFileSync('promtool', ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
})()

describe('the alert rules', () => {
  test('say what is wrong, how bad it is, and which command to begin with', async () => {
    using folder = temporaryFolder()
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length)
    for (const { alert, labels, annotations } of rules) {
      expect(['warning', 'critical'], alert).toContain(labels.severity)
      expect(annotations.summary.length, alert).toBeGreaterThan(20)
      const commands = annotations.runbook.matchAll(/countersign ([a-z-]+(?: [a-z-]+)?)/g)
      const known = [...commands].map(([, words = '']) => words)
      expect(known.length, alert).toBeGreaterThan(0)
      for (const words of known) {
        const command = words.startsWith('cert ')
          ? words.replace(/-$/, '-root')
          : words.split(' ')[0]
        expect((await runLine(folder.path, `${command} --help`)).code, `${alert}: ${words}`).toBe(0)
      }
    }
  })

  test('name metrics only that the code has', () => {
    const code = sourceText(checkoutFolder() ?? '')
    const metrics = new Set(all.flatMap(({ expr }) => expr.match(/countersign_[a-z_]+/g) ?? []))
    expect(metrics.size).toBeGreaterThan(10)
    for (const metric of metrics) expect(code.includes(`'${metric}'`), metric).toBe(true)
  })

  test.skipIf(!hasPromtool)('are read by promtool', () => {
    expect(execFileSync('promtool', ['check', 'rules', file], { encoding: 'utf8' })).toContain(
      `SUCCESS: ${all.length} rules found`,
    )
  })

  test.skipIf(!hasPromtool)('ring when they should, and not before (promtool)', () => {
    using folder = temporaryFolder()
    const path = join(folder.path, 'tests.yml')
    writeFileSync(path, stringify({ rule_files: [file], evaluation_interval: '15s', tests: CASES }))
    expect(execFileSync('promtool', ['test', 'rules', path], { encoding: 'utf8' })).toContain(
      'SUCCESS',
    )
  })
})

/** All sources of the checkout that are no tests, as one text. */
function sourceText(root: string): string {
  const rooms = ['ground', 'mesh', 'trust', 'edge', 'record', 'discovery', 'services']
  return rooms
    .flatMap((room) =>
      readdirSync(join(root, room), { recursive: true, encoding: 'utf8' }).map((path) =>
        join(room, path),
      ),
    )
    .filter((path) => /\/src\/.*(?<!\.test)\.ts$/.test(path) && !path.includes('node_modules'))
    .map((path) => readFileSync(join(root, path), 'utf8'))
    .join('\n')
}
