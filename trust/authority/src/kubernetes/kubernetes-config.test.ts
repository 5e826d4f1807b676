import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ConfigError } from '@countersign/ground/config'
import { temporaryFolder } from '@countersign/ground/testkit'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readKubernetesConfig } from './kubernetes-config.ts'

let temporary: ReturnType<typeof temporaryFolder>
beforeEach(() => {
  temporary = temporaryFolder()
})
afterEach(() => temporary[Symbol.dispose]())

function read(accounts: string, more: Record<string, string> = {}) {
  const file = join(temporary.path, 'accounts')
  writeFileSync(file, accounts)
  return readKubernetesConfig({
    ...{ AUTHORITY_KUBERNETES_JWKS: '/jwks.json', AUTHORITY_KUBERNETES_ISSUER: 'https://cluster' },
    AUTHORITY_KUBERNETES_ACCOUNTS: file,
    ...more,
  })
}
const mistakesOf = (work: () => unknown): string => {
  try {
    work()
  } catch (error) {
    if (error instanceof ConfigError) return error.mistakes.join('\n')
    throw error
  }
  return ''
}

describe('the settings of a cluster', () => {
  it('are none where none are given, and go together', () => {
    expect(readKubernetesConfig({})).toBeUndefined()
    const half = { AUTHORITY_KUBERNETES_JWKS: '/jwks.json' }
    expect(mistakesOf(() => readKubernetesConfig(half))).toMatch(/go together/)
  })

  it('name the workload of each account, in YAML or JSON', () => {
    const accounts = new Map([['shop/order', 'order']])
    const expected = { issuer: 'https://cluster', audience: 'countersign', accounts }
    expect(read('# the shop\nshop/order: order\n')).toMatchObject(expected)
    expect(read('{"shop/order":"order"}')).toMatchObject(expected)
  })

  it.each([
    ['an account that is none', 'order: order', /Invalid key/],
    ['a workload that is none', 'shop/order: Order!', /shop\/order/],
    ['the authority itself', 'shop/x: authority', /nobody joins under/],
    ['a list', '- shop/order', /expected record/],
    ['one account twice', 'shop/order: order\nshop/order: payment', /not YAML/],
    ['names that stand for others', 'a/b: &x order\nc/d: *x', /not YAML|alias/i],
    ['what is no YAML', '{', /not YAML/],
  ])('refuse %s', (_, text, why) => {
    expect(mistakesOf(() => read(text))).toMatch(why)
  })

  it('refuse keys over http, and files that are not there', () => {
    const plain = { AUTHORITY_KUBERNETES_JWKS: 'http://cluster/jwks' }
    expect(mistakesOf(() => read('a/b: c', plain))).toMatch(/https/)
    const gone = { AUTHORITY_KUBERNETES_CA_FILE: '/nowhere' }
    expect(mistakesOf(() => read('a/b: c', gone))).toMatch(/cannot be read/)
  })
})
