import { appendFileSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '@countersign/ground/testkit'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { AppendFile } from './append-file.ts'

let folder: ReturnType<typeof temporaryFolder>
let path: string
beforeEach(() => {
  folder = temporaryFolder()
  path = join(folder.path, 'lines.jsonl')
})
afterEach(() => folder[Symbol.dispose]())
const lines = () => readFileSync(path, 'utf8').split('\n')

describe('a file of lines', () => {
  it('keeps the order of the calls, for its owner only', async () => {
    const file = await AppendFile.open(path)
    await Promise.all(Array.from({ length: 100 }, (_, i) => file.append(i)))
    expect(lines()).toEqual([...Array.from({ length: 100 }, (_, i) => String(i)), ''])
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(file.bytes).toBe(statSync(path).size)
    await file.close()
  })

  it('cuts off what a crash left of a line before it adds another', async () => {
    for (const [before, kept] of [
      ['1\n2\n{"half', ['1', '2']],
      ['{"half', []],
      ['1\n', ['1']],
    ] as const) {
      appendFileSync(path, before, { flag: 'w' })
      const file = await AppendFile.open(path)
      await file.append('new')
      await file.close()
      expect(lines()).toEqual([...kept, '"new"', ''])
    }
  })

  it('can be replaced as a whole, and set aside, and goes on', async () => {
    const file = await AppendFile.open(path)
    await file.append(1)
    await Promise.all([file.replace([7, 8]), file.append(9)])
    expect(lines()).toEqual(['7', '8', '9', ''])
    await file.setAside(`${path}.old`)
    await file.append(10)
    expect([readFileSync(`${path}.old`, 'utf8'), lines()]).toEqual(['7\n8\n9\n', ['10', '']])
    expect(file.bytes).toBe(3)
    await file.close()
  })
})
