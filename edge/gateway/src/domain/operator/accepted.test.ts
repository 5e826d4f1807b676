import { type Collection, configOf, Draft, EMPTY_STATE, insert, KongError } from '@countersign/kong'
import { NOTHING_NARROWED } from '@countersign/policy'
import { randomUUID } from 'node:crypto'
import { expect, it } from 'vitest'
import { operatorContexts } from '../../door/operator-contexts.ts'
import { OPERATOR_BOUNDS } from '../../limits.ts'
import { createCredential, createPki } from '../../testing/pki.ts'
import { compileKong } from './compile.ts'

/* What the Admin API takes, a gateway can serve: one entity that it cannot would hold back every later change. */
const using = { plugins: [], bounds: OPERATOR_BOUNDS, narrowing: NOTHING_NARROWED }
const world = {
  plugins: [],
  now: 1_700_000_000_000,
  newId: () => randomUUID(),
  newSecret: () => 'x'.repeat(32),
}

/** `refused` by the Admin API, `served` by a gateway, or what the gateway finds wrong. */
function fateOf(collection: Collection, input: object): string {
  const draft = new Draft(EMPTY_STATE)
  try {
    if (collection === 'targets')
      insert(draft, 'upstreams', { input: { name: 'u' }, form: false }, world)
    insert(draft, collection, { input: { ...input }, form: false }, world)
  } catch (error) {
    if (error instanceof KongError) return 'refused'
    throw error
  }
  const config = configOf(draft.state)
  const result = compileKong(config, using)
  operatorContexts(config.certificates, new Map())
  return result.ok ? 'served' : result.faults.join()
}

it.each([
  [{ hosts: ['example.com.', '*.example.com.'] }, 'served'],
  [{ hosts: ['*.example.com', 'example.*', '1.2.3.*', 'under_score.test:65535'] }, 'served'],
  [{ hosts: ['[2001:db8::1]:443', '10.0.0.1'] }, 'served'],
  [{ hosts: ['2001:db8::ff'] }, 'refused'],
  [{ hosts: ['[fe80::1%eth0]'] }, 'refused'],
  [{ paths: ['/a'], headers: { 'x-a': ['~*^(a|b)$'] } }, 'served'],
  [{ paths: ['/a'], headers: { 'x-a': ['~*(', 'b'] } }, 'served'],
  [{ paths: ['/a'], headers: { 'x-a': ['~*('] } }, 'refused'],
  [{ paths: ['/a'], headers: { 'x-a': ['~*(?:x{999}){99}'] } }, 'refused'],
  [{ paths: ['~/a\\Qb\\E', '~/(?i)a', '~/(?<a>x)(?<b>y)'] }, 'served'],
  [{ paths: ['~/a\\Qb'] }, 'refused'],
  [{ paths: ['~/a|\\Q'] }, 'refused'],
])('the route %j is %s', (route, fate) => expect(fateOf('routes', route)).toBe(fate))

it.each([
  ['orders', 'served'],
  ['10.0.0.1', 'served'],
  ['identity', 'refused'],
  ['GATEWAY', 'refused'],
])('a service or target at %s is %s', (host, fate) => {
  expect(fateOf('services', { host })).toBe(fate)
  expect(fateOf('targets', { upstream: { name: 'u' }, target: `${host}:443` })).toBe(fate)
})

it('a certificate is one that TLS takes', async () => {
  const { chain: cert, key } = await createCredential(await createPki(), 'orders')
  expect(fateOf('certificates', { cert, key })).toBe('served')
  const broken = `${cert}-----BEGIN CERTIFICATE-----\nbroken\n`
  expect(fateOf('certificates', { cert: broken, key })).toBe('refused')
})
