import { contract, type ContractDescriptor, describe, endpoint } from '@countersign/contract'
import { expect, test } from 'vitest'
import { bodyOf, indexHeader, readContracts, readHealth } from './read-answers.ts'

const entry = (id: string, more: Record<string, unknown> = {}, status = 'passing'): any => ({
  Node: { Node: 'n', Address: '127.0.0.1', Datacenter: 'd' },
  Service: { ID: id, Service: 'order', Address: '127.0.0.1', Port: 1, Tags: [], Meta: {}, ...more },
  Checks: [{ CheckID: 'c', Status: status, Output: '', ServiceID: id, ServiceName: 'order' }],
})

test('one instance that cannot be read takes no other with it', () => {
  const broken = [null, 7, {}, entry('x', { Port: 70_000 }), entry('y', { Service: 'payment' })]
  const read = readHealth(JSON.stringify([entry('a'), ...broken, entry('b')]), 'order')
  expect(read.values.map(({ Service }) => Service.ID)).toEqual(['a', 'b'])
  expect(read.dropped).toHaveLength(broken.length)
})

test('only instances whose every check passes are told', () => {
  const list = [entry('a'), entry('b', {}, 'critical'), entry('c', {}, 'warning')]
  expect(readHealth(JSON.stringify(list), 'order').values).toHaveLength(1)
})

test('what Consul leaves out or adds is no mistake', () => {
  const real = { ...entry('a', { Tags: null, Meta: null, Weights: { Passing: 1 } }), Extra: 1 }
  const [found] = readHealth(JSON.stringify([real]), 'order').values
  expect(found?.Service).toMatchObject({ Tags: [], Meta: {} })
})

const descriptor: ContractDescriptor = describe(
  contract('order', {
    list: endpoint({
      at: 'GET /orders',
      callers: ['gateway'],
      roles: 'anyone',
      limit: '5/second per person',
    }),
  }) as never,
)
const value = (text: unknown): string => Buffer.from(JSON.stringify(text)).toString('base64')

test('one contract that cannot be read takes no other with it', () => {
  const list = [
    { Key: 'contracts/order', Value: value(descriptor) },
    { Key: 'contracts/user', Value: value(descriptor) },
    { Key: 'contracts/evil', Value: value({ ...descriptor, service: 'evil', endpoints: [{}] }) },
    { Key: 'contracts/half', Value: Buffer.from('{"ser').toString('base64') },
    { Key: 'contracts/none', Value: null },
    'text',
  ]
  const read = readContracts(JSON.stringify(list))
  expect(read.values).toEqual([descriptor])
  expect(read.dropped).toHaveLength(5)
  expect(read.dropped[0]).toContain('it lies at')
})

test('an answer that is no list at all is an error, so that the last state is kept', () => {
  for (const body of ['', '{}', 'null', '<html>']) {
    expect(() => readHealth(body, 'order')).toThrow()
    expect(() => readContracts(body)).toThrow()
  }
  expect(() => bodyOf({ status: 500, body: '[]' })).toThrow(/500/)
})

test('the index is read whatever the letters of its header, and is 0 where it is none', () => {
  expect(indexHeader({ status: 200, headers: { 'X-Consul-Index': '12' } })).toBe(12)
  for (const bad of ['', '-1', '1e9', 'x']) {
    expect(indexHeader({ status: 200, headers: { 'x-consul-index': bad } })).toBe(0)
  }
  expect(indexHeader({ status: 200 })).toBe(0)
})
