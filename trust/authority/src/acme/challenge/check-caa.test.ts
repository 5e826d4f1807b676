import { describe, expect, it } from 'vitest'
import { mayIssue } from './check-caa.ts'

const wanted = {
  name: 'www.acme.test',
  wildcard: false,
  method: 'http-01',
  identities: ['ca.test'],
} as const
type Record = Parameters<typeof mayIssue>[0][number]
const issue = (value: string, critical = 0): Record => ({ critical, issue: value })
const wild = (value: string): Record => ({ critical: 0, issuewild: value })

describe('CAA records', () => {
  // biome-ignore format: a table
  it.each<[string, Record[], boolean, boolean]>([
    ['that name us',                       [issue('ca.test')],                          false, true],
    ['that name us in upper case',         [issue('CA.test')],                          false, true],
    ['that name us among others',          [issue('other.test'), issue('ca.test')],     false, true],
    ['that name another',                  [issue('other.test')],                       false, false],
    ['that name nobody',                   [issue(';')],                                false, false],
    ['that are critical and known',        [issue('ca.test', 128)],                     false, true],
    ['that are critical and unknown',      [issue('ca.test'), { critical: 128 }],       false, false],
    ['with nothing about issuing',         [{ critical: 0, iodef: 'mailto:a@b.test' }], false, true],
    ['that allow our way',                 [issue('ca.test; validationmethods=dns-01,http-01')], false, true],
    ['that allow another way',             [issue('ca.test; validationmethods=dns-01')], false, false],
    ['with a parameter that we do not know', [issue('ca.test; accounturi=https://x/')], false, false],
    ['of wildcards, for a plain name',     [wild('other.test')],                        false, true],
    ['of wildcards, for a wildcard',       [issue('other.test'), wild('ca.test')],      true,  true],
    ['of wildcards that name nobody',      [issue('ca.test'), wild(';')],               true,  false],
    ['of names alone, for a wildcard',     [issue('other.test')],                       true,  false],
  ])('%s', (_, records, wildcard, may) => {
    expect(mayIssue(records, { ...wanted, wildcard })).toBe(may)
  })
})
