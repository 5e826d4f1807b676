import { describe, matrix } from '@countersign/contract'
import { expect, test } from 'vitest'
import { contract } from './contract.ts'
import { ROLES } from './domain/user.ts'

test('who may do what', () => {
  const lines = matrix([describe(contract)], ROLES).split('\n')
  expect(lines.map((line) => line.replaceAll(/ +/g, ' ')).join('\n')).toBe(
    `endpoint admin customer support auditor callers limit
user.verifyPassword POST /internal/verify-password open open open open identity 600/minute per caller
user.describe GET /internal/people/:id open open open open identity control 1000/second per caller
user.me GET /users/me yes yes yes yes gateway 50/second per person
user.list GET /users yes - yes - gateway 20/second per person
user.read GET /users/:id yes - yes - gateway 50/second per person
user.create POST /users yes - - - gateway 5/second 600/hour per person
user.changeRoles PUT /users/:id/roles yes - - - gateway 10/second per person
user.disable DELETE /users/:id yes - - - gateway 10/second per person
user.changePassword PUT /users/me/password yes yes yes yes gateway 10/minute per person
`,
  )
})

test('a new password has 12 characters at least and 1024 bytes at most', () => {
  const { body } = contract.endpoints.create
  const valid = (password: string): boolean | undefined =>
    body?.safeParse({ username: 'x', password, roles: ['admin'] }).success
  expect([valid('a'.repeat(11)), valid('a'.repeat(12))]).toEqual([false, true])
  expect([valid('ü'.repeat(512)), valid('ü'.repeat(513))]).toEqual([true, false])
})

test('a page of people begins after a name, and no database is asked for what cannot be one', () => {
  const { query } = contract.endpoints.list
  expect(query?.safeParse({ after: "o'neill" }).success).toBe(true)
  expect(query?.safeParse({ after: 'a\0b' }).success).toBe(false)
})
