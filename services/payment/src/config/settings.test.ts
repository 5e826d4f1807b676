import { expect, test } from 'vitest'
import { settings } from './settings.ts'

test('says what is missing or wrong, all at once', () => {
  expect(() => settings({})).toThrow(/PAYMENT_DYNAMO_SOCKET, PAYMENT_DYNAMO_ENDPOINT or/)
  expect(() =>
    settings({ PAYMENT_DYNAMO_ENDPOINT: 'http://dynamo.example', PAYMENT_DYNAMO_TABLE: '?' }),
  ).toThrow(/PAYMENT_DYNAMO_ENDPOINT: .*https[\s\S]*PAYMENT_DYNAMO_TABLE: /)
})

test('any of the three places will do', () => {
  expect(settings({ PAYMENT_DYNAMO_SOCKET: '/run/d.sock' }).PAYMENT_DYNAMO_TABLE).toBe('payments')
  for (const url of ['http://127.0.0.1:8000', 'https://dynamodb.eu-central-1.amazonaws.com'])
    expect(settings({ PAYMENT_DYNAMO_ENDPOINT: url }).PAYMENT_DYNAMO_ENDPOINT).toBe(url)
  expect(settings({ PAYMENT_DYNAMO_REGION: 'eu-central-1' })).toBeDefined()
})
