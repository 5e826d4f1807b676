import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createLog } from '@countersign/ground/telemetry'
import { temporaryFolder } from '@countersign/ground/testkit'
import { expect, test } from 'vitest'
import { Crew } from './crew.ts'
import type { ProcessSpec } from './process-spec.ts'
import { createProcessRunner } from './process-runner.ts'

const PROGRAM = `
  let hurry = ''
  process.on('message', ({ type }) => { hurry = type })
  // What was announced before the signal is heard before the end.
  process.on('SIGTERM', () => setTimeout(() => { console.log('ends', hurry); process.exit(0) }, 20))
  process.on('disconnect', () => process.exit(0))
  console.log('starts')
  process.send({ type: 'ready' })
`
const spec = (instance: string): ProcessSpec => ({
  ...{ instance, name: 'tiny', module: 'tiny', port: 0, nodeFlags: [], env: {}, joins: false },
})

test('a crew starts one of its processes anew, and tells all of them when everything ends', async () => {
  using folder = temporaryFolder()
  const main = join(folder.path, 'main.mjs')
  writeFileSync(main, PROGRAM)
  const crew = new Crew({
    runner: createProcessRunner({
      inherited: { PATH: process.env.PATH },
      logOf: (name) => join(folder.path, `${name}.log`),
      mainOf: () => main,
    }),
    log: createLog({ service: 'desk', node: 'desk', level: 'silent' }),
    prepare: async () => ({}),
    onReady: () => undefined,
    onCrash: () => undefined,
  })
  const said = (name: string): string[] =>
    readFileSync(join(folder.path, `${name}.log`), 'utf8')
      .trim()
      .split('\n')
  const pidOf = (name: string) =>
    crew.members.find((each) => each.spec.instance === name)?.state.pid
  await crew.launch([spec('tiny-1'), spec('tiny-2')])
  const before = [pidOf('tiny-1'), pidOf('tiny-2')]
  await crew.restartPart('tiny-1')
  expect(pidOf('tiny-1')).not.toBe(before[0])
  expect(pidOf('tiny-2')).toBe(before[1])
  expect(said('tiny-1').map((line) => line.trim())).toEqual(['starts', 'ends', 'starts'])
  await crew.stopPart('tiny-2')
  await expect(crew.restartPart('tiny-2')).rejects.toThrow('countersign up tiny-2')
  await expect(crew.restartPart('tiny-3')).rejects.toThrow('there is no process "tiny-3"')
  await crew.stop([['tiny']], 5_000)
  expect(said('tiny-1').at(-1)).toBe('ends everything-ends')
})
