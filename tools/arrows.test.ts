import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'

/*
 * What the house allows, in one pass over the tree. Imports go down the stream only; what is forbidden in a
 * place is listed here and nowhere else.
 */
const ROOT = resolve(import.meta.dirname, '..')

/** Each room with the rooms that it may import, besides itself. A neighbour is met at its `/contract` only. */
const STREAM: Readonly<Record<string, readonly string[]>> = {
  ground: [],
  engines: ['ground'],
  contract: ['ground'],
  policy: ['ground', 'contract'],
  layers: ['ground', 'contract', 'policy'],
  service: ['ground', 'contract', 'policy', 'layers'],
  authority: ['ground', 'contract', 'layers', 'service'],
  identity: ['ground', 'contract', 'layers', 'service'],
  balancer: ['ground', 'contract', 'layers', 'service'],
  kong: ['ground', 'contract', 'policy', 'layers'],
  plugins: ['ground', 'contract', 'policy', 'layers', 'kong'],
  control: ['ground', 'contract', 'policy', 'layers', 'service', 'kong', 'plugins'],
  gateway: ['ground', 'contract', 'policy', 'layers', 'service', 'kong', 'plugins'],
  registry: ['ground', 'contract', 'layers', 'service'],
  detection: ['ground', 'contract'],
  audit: ['ground', 'contract', 'layers', 'service', 'detection'],
  user: ['ground', 'contract', 'layers', 'service'],
  payment: ['ground', 'contract', 'layers', 'service'],
  order: ['ground', 'contract', 'layers', 'service', 'payment/contract', 'user/contract'],
  cli: ['*'],
  journeys: ['*'],
  bench: ['*'],
}
/** Tests may also use the engines and, in `mesh/service`, a real authority. */
const FOR_TESTS: readonly string[] = ['engines', 'authority', 'registry', 'policy']

/** Where the other side of a connection proves nothing by TLS, and why that takes nothing for proven: see there. */
const UNVERIFIED: readonly string[] = [
  // Who asks an authority for a first certificate has none to show yet.
  '/acme/reach/unauthenticated-tls.ts',
  // A client may show a certificate at the public door, and need not: the plugin of a route judges it.
  '/gateway/src/door/asking-tls-server.ts',
]

const files = [...walk(ROOT)]
const sources = files.filter((file) => /\/src\/.*\.ts$/.test(file) && !file.endsWith('.d.ts'))
const isTest = (file: string): boolean =>
  /\.(test|trial|fixture)\.ts$|\/testing\/|\/testkit\//.test(file)

describe('the house', () => {
  test('imports only go down the stream', () => {
    const against = sources.flatMap((file) =>
      importsOf(file)
        .filter((name) => !mayImport(file, name))
        .map((name) => `${relative(ROOT, file)} -> ${name}`),
    )
    expect(against).toEqual([])
  })

  test('files of a room stay inside it: no path leads out of a package', () => {
    const out = sources.flatMap((file) =>
      [...readFileSync(file, 'utf8').matchAll(/from '(\.[^']+)'/g)]
        .map(([, path = '']) => resolve(dirname(file), path))
        .filter((target) => packageOf(target) !== packageOf(file))
        .map((target) => `${relative(ROOT, file)} -> ${relative(ROOT, target)}`),
    )
    expect(out).toEqual([])
  })

  test('process.env is read in config/ and main.ts, and where a process starts, only', () => {
    const allowed = /\/config\/|[/-]main\.ts$|\/mesh\/service\/src\/run\.ts$/
    expect(offenders(/(?<!`)process\.env/, (file) => !isTest(file) && !allowed.test(file))).toEqual(
      [],
    )
  })

  test('nobody takes values from node:http by name: that loads a whole client into each process', () => {
    const tools = /\/(bench|journeys)\/|testkit/
    const byName = /^import (?!type )[^;']* from 'node:http'/m
    expect(offenders(byName, (file) => !isTest(file) && !tools.test(file))).toEqual([])
  })

  test('domain/ has no clock, no chance and no network', () => {
    // `isIP` and its like only read a text.
    const impure =
      /Date\.now|Math\.random|\bfetch\(|new Date\(\)|(?<!isIP\w* \} )from 'node:(fs|net|tls|http|https|child_process)/
    expect(offenders(impure, (file) => file.includes('/domain/') && !isTest(file))).toEqual([])
  })

  test('TLS verification is turned off nowhere', () => {
    expect(
      offenders(
        /rejectUnauthorized: *false|NODE_TLS_REJECT_UNAUTHORIZED|insecureHTTPParser: *true/,
        (file) => !isTest(file) && !UNVERIFIED.some((end) => file.endsWith(end)),
      ),
    ).toEqual([])
  })

  test('every link of every page leads somewhere', () => {
    const dead = files
      .filter((file) => file.endsWith('.md') && !file.includes('/testdata/'))
      .flatMap((file) =>
        [...readFileSync(file, 'utf8').matchAll(/\]\((?!https?:|mailto:|#)([^)#\s]+)[^)]*\)/g)]
          .filter(
            ([, target = '']) => !existsSync(resolve(dirname(file), decodeURIComponent(target))),
          )
          .map(([, target]) => `${relative(ROOT, file)} -> ${target}`),
      )
    expect(dead).toEqual([])
  })

  test('main.ts wires and does not decide', () => {
    const long = sources.filter(
      (file) => file.endsWith('/main.ts') && readFileSync(file, 'utf8').split('\n').length > 80,
    )
    expect(long.map((file) => relative(ROOT, file))).toEqual([])
  })
})

function mayImport(file: string, imported: string): boolean {
  const room = packageOf(file)
  const allowed = STREAM[room]
  if (allowed === undefined) return false
  const [of = ''] = imported.split('/')
  if (of === room || allowed.includes('*') || allowed.includes(of) || allowed.includes(imported))
    return true
  return isTest(file) && FOR_TESTS.includes(of)
}

/** Names of our own packages that a file imports, without the scope. */
function importsOf(file: string): string[] {
  return [
    ...readFileSync(file, 'utf8').matchAll(/(?:from|import\()\s*'@countersign\/([^']+)'/g),
  ].map(([, name = '']) => name)
}

function packageOf(file: string): string {
  for (
    let folder = dirname(file);
    folder.startsWith(ROOT) && folder !== ROOT;
    folder = dirname(folder)
  ) {
    const manifest = join(folder, 'package.json')
    if (existsSync(manifest))
      return (JSON.parse(readFileSync(manifest, 'utf8')) as { name: string }).name.replace(
        '@countersign/',
        '',
      )
  }
  return 'root'
}

function offenders(pattern: RegExp, where: (file: string) => boolean): string[] {
  return sources
    .filter((file) => where(file) && pattern.test(readFileSync(file, 'utf8')))
    .map((file) => relative(ROOT, file))
}

function* walk(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.name === 'node_modules' || entry.name === 'dist' || entry.name.startsWith('.'))
      continue
    const path = join(folder, entry.name)
    if (entry.isDirectory()) yield* walk(path)
    else yield path
  }
}
