import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { loadPlugins } from './load-plugins.ts'

// Beside the sources, so that a module finds the packages that it names.
let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(import.meta.dirname, '..', '.plugins-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const file = (name: string, text: string): string => {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

it('loads the example of the documentation as it stands there', async () => {
  const readme = readFileSync(resolve(import.meta.dirname, '../../plugins/README.md'), 'utf8')
  const [, text = ''] = /```ts\n([\s\S]*?)```/.exec(readme) ?? []
  const [plugin] = await loadPlugins([file('office-hours.ts', text)], [])
  expect(plugin?.name).toBe('office-hours')
  expect(plugin?.schema.parse({ from: 8 })).toEqual({ from: 8, to: 17 })
})

it('refuses all that is no plugin at once, and a name that is taken', async () => {
  const good = "{ name: 'mine', priority: 1, schema: { safeParse() {} }, create() {} }"
  const twice = file('twice.ts', `export const a = ${good}\nexport const b = ${good}\n`)
  const none = file('none.ts', 'export const a = 1\n')
  const broken = file('broken.ts', 'throw new Error("no such luck")\n')
  const gone = join(folder, 'gone.ts')
  await expect(loadPlugins([twice, none, broken, gone], [])).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    mistakes: [
      `${twice}: there is a plugin mine already`,
      `${none}: exports no plugin`,
      `${broken}: no such luck`,
      expect.stringMatching(/gone\.ts: /),
    ],
  })
})
