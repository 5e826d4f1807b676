import { expect, test } from 'vitest'
import { testEvent } from '../../testing/event.ts'
import { unrequestedCertificate } from './unrequested-certificate.ts'

const said = (action: string, details: Record<string, string>) =>
  unrequestedCertificate
    .watch(undefined)
    .observe(testEvent(0, { action, countersign: { details } }), 0)

test.each(['certificate.unclaimed', 'certificate.unrequested', 'acme.unexpected'])(
  '%s is found, and is one cause with what others say of the same certificate',
  (action) => {
    const [found, ...others] = said(action, { serial: 'ab12' })
    expect(others).toEqual([])
    expect(found?.cause).toBe('certificate ab12')
    expect(found?.reason).toContain('countersign cert revoke ab12')
  },
)

test('certificates that were asked for are not', () => {
  expect(said('certificate.issue', { serial: 'ab12' })).toEqual([])
  expect(said('certificate.unclaimed', {})).toEqual([])
  expect(said('toString', { serial: 'ab12' })).toEqual([])
})
