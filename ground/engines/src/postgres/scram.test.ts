import { expect, test } from 'vitest'
import { matchesVerifier, scramVerifier } from './scram.ts'

// RFC 7677, section 3: user "user", password "pencil".
const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64')
const example =
  'SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU='

test('makes the stored form of the example in RFC 7677', async () => {
  expect(await scramVerifier('pencil', salt, 4096)).toBe(example)
})

test('tells the right password from others, and refuses what is no stored form', async () => {
  expect(await matchesVerifier('pencil', example)).toBe(true)
  expect(await matchesVerifier('Pencil', example)).toBe(false)
  for (const other of ['', 'md5abc', 'SCRAM-SHA-256$0:AA==$AA==:AA==', `${example}x`]) {
    expect(await matchesVerifier('pencil', other)).toBe(false)
  }
})

test('salts each stored form anew', async () => {
  expect(await scramVerifier('pencil')).not.toBe(await scramVerifier('pencil'))
})
