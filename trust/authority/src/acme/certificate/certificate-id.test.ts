import { describe, expect, it } from 'vitest'
import { parseCertificateId, writeCertificateId } from './certificate-id.ts'

describe('the id of a certificate', () => {
  it('is that of the example in RFC 9773, 4.1', () => {
    const id = { issuer: '69885b6b87464041e1b37b847bd0ae2cde01c8d4', serial: '87654321' }
    expect(writeCertificateId(id)).toBe('aYhba4dGQEHhs3uEe9CuLN4ByNQ.AIdlQyE')
    expect(parseCertificateId('aYhba4dGQEHhs3uEe9CuLN4ByNQ.AIdlQyE')).toEqual(id)
  })

  it.each(['1', 'f', '7f', '80', '100', 'abc', 'ff00ff', '8'.repeat(40)])(
    'comes back: %s',
    (serial) => {
      const id = { issuer: 'ab'.repeat(20), serial }
      expect(parseCertificateId(writeCertificateId(id))).toEqual(id)
    },
  )

  it.each([
    ['nothing', ''],
    ['one part', 'aYhba4dGQEHhs3uEe9CuLN4ByNQ'],
    ['three parts', 'AQ.AQ.AQ'],
    ['an empty part', '.AQ'],
    ['padding', 'AQ==.AQ=='],
    ['a serial with zeros in front', 'aYhba4dGQEHhs3uEe9CuLN4ByNQ.AAAB'],
    ['a negative serial', 'aYhba4dGQEHhs3uEe9CuLN4ByNQ.h2VDIQ'],
    ['a serial of 22 octets', `AQ.${Buffer.alloc(22, 1).toString('base64url')}`],
  ])('is not %s', (_, text) => {
    expect(parseCertificateId(text)).toBeUndefined()
  })
})
