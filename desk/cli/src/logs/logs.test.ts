import { appendFileSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '@countersign/ground/testkit'
import { describe, expect, test } from 'vitest'
import { boundLog, openLog } from '../supervisor/log-file.ts'
import { colours } from '../terminal/colours.ts'
import { LogReader } from './log-reader.ts'
import { readableLine } from './readable-line.ts'

describe('a log', () => {
  test('is read from its end, then goes on, also across a cut', async () => {
    using folder = temporaryFolder()
    const path = join(folder.path, 'a.log')
    const reader = new LogReader('a', path)
    expect(await reader.last(10)).toEqual([])
    writeFileSync(path, 'one\ntwo\nthree\nfo')
    expect(await reader.last(2)).toEqual(['two', 'three'])
    expect(await reader.fresh()).toEqual([])
    appendFileSync(path, 'ur\nfive\n')
    expect(await reader.fresh()).toEqual(['four', 'five'])
    truncateSync(path, 0)
    appendFileSync(path, 'six\n')
    expect(await reader.fresh()).toEqual(['six'])
  })

  test('stays within its bound while a process writes into it', async () => {
    using folder = temporaryFolder()
    const path = join(folder.path, 'a.log')
    const log = await openLog(path)
    await log.write(`${'x'.repeat(200)}\n`)
    expect(await boundLog(path, 100)).toBe(true)
    await log.write('after\n')
    await log.close()
    expect(readFileSync(path, 'utf8')).toBe('after\n')
    expect(readFileSync(`${path}.1`, 'utf8')).toHaveLength(201)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(await boundLog(path, 100)).toBe(false)
    expect(await boundLog(join(folder.path, 'none.log'))).toBe(false)
  })

  test('becomes readable, and harmless', () => {
    const line = JSON.stringify({
      'log.level': 'warn',
      '@timestamp': '2026-01-02T03:04:05.678Z',
      'service.node.name': 'order-1',
      message: 'late\u001b[2J',
      took: 12,
    })
    expect(readableLine('order-1', line, colours(false))).toBe(
      '03:04:05.678 order-1 warn late\\u{1b}[2J took=12',
    )
    expect(readableLine('postgres', 'LOG: \u0007ready', colours(false))).toBe(
      'postgres  LOG: \\u{7}ready',
    )
  })
})
