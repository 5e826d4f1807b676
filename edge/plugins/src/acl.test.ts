import { expect, test } from 'vitest'
import { acl } from './acl.ts'
import { TestDirectory } from './testing/directory.ts'
import { FakeRequest } from './testing/exchange.ts'
import { access, instanceOf } from './testing/run.ts'
import { testTools } from './testing/tools.ts'

const directory = new TestDirectory()
const alice = directory.add('alice')
directory.addGroup(alice, 'team')
directory.addGroup(alice, 'staff')
const tools = testTools({ directory })

const person = (...roles: string[]) => ({
  ...{ id: 'p', name: 'p', roles, clientId: undefined, tokenId: undefined },
})
type Who = Parameters<FakeRequest['authenticated']>[0]

async function ask(config: Record<string, unknown>, who?: Who) {
  let told: readonly string[] | undefined
  const asked = Object.assign(new FakeRequest(), {
    tellGroups: (groups: readonly string[]) => {
      told = groups
    },
  })
  if (who !== undefined) asked.authenticated(who)
  const refusal = await access(instanceOf(acl, config, tools), asked)
  return { status: refusal?.status, message: refusal?.facts.message, told }
}

test('groups of a consumer', async () => {
  expect(await ask({ allow: ['team'] }, { consumer: alice })).toEqual({ told: ['team', 'staff'] })
  const refused = { status: 403, message: 'You cannot consume this service' }
  expect(await ask({ allow: ['others'] }, { consumer: alice })).toMatchObject(refused)
  expect(await ask({ deny: ['staff'] }, { consumer: alice })).toMatchObject(refused)
  expect((await ask({ deny: ['others'] }, { consumer: alice })).status).toBeUndefined()
})

test('roles of a person, and groups that another plugin has found', async () => {
  expect(await ask({ allow: ['admin'] }, { person: person('customer', 'admin') })).toEqual({
    told: ['customer', 'admin'],
  })
  expect((await ask({ allow: ['admin'] }, { person: person('customer') })).status).toBe(403)
  const id = 'spiffe://test.local/service/order'
  expect((await ask({ allow: [id] }, { groups: [id] })).status).toBeUndefined()
})

test('nobody is not somebody without groups: 401, also for deny', async () => {
  for (const config of [{ allow: ['team'] }, { deny: ['team'] }])
    expect(await ask(config)).toMatchObject({ status: 401, message: 'Unauthorized' })
})

test('an anonymous consumer has its own groups', async () => {
  const who = { consumer: alice, anonymous: true }
  expect((await ask({ allow: ['team'] }, who)).status).toBeUndefined()
  expect((await ask({ allow: ['others'] }, who)).status).toBe(403)
})

test('with always_use_authenticated_groups those of the consumer do not count', async () => {
  const config = { allow: ['team'], always_use_authenticated_groups: true }
  expect((await ask(config, { consumer: alice })).status).toBe(403)
  expect((await ask(config, { consumer: alice, groups: ['team'] })).status).toBeUndefined()
})

test('the header can be hidden', async () => {
  const hidden = { allow: ['team'], hide_groups_header: true }
  expect((await ask(hidden, { consumer: alice })).told).toBeUndefined()
})

test('the schema', () => {
  expect(acl.schema.parse({ whitelist: ['a'] })).toEqual({
    ...{ allow: ['a'], deny: null, hide_groups_header: false },
    ...{ include_consumer_groups: false, always_use_authenticated_groups: false },
  })
  const mistake = (config: object) => acl.schema.safeParse(config).error?.issues[0]?.message
  expect(mistake({})).toContain("at least one of these fields must be non-empty: 'config.allow'")
  expect(mistake({ allow: ['a'], deny: ['b'] })).toContain('only one of these fields')
  expect(mistake({ allow: ['a'], include_consumer_groups: true })).toContain('consumer groups')
})
