import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { temporaryFolder } from '../../testkit/index.ts'
import { createMasterKey } from '../master-key.ts'
import { kmsTrial } from './kms.trial.ts'
import { openLocalKms } from './kms-local.ts'

const folder = temporaryFolder()
const at = (name: string) => join(folder.path, name)
beforeAll(async () => {
  for (const name of ['mine.key', 'other.key', 'open.key']) await createMasterKey(at(name))
})
afterAll(() => folder[Symbol.dispose]())

describe('a key file as key service', () => {
  kmsTrial(() => ({
    mine: openLocalKms({ keyFile: at('mine.key') }),
    other: openLocalKms({ keyFile: at('other.key') }),
    away: () => openLocalKms({ keyFile: at('away.key') }),
  }))

  it('does not work where others may read the file', () => {
    chmodSync(at('open.key'), 0o644)
    expect(() => openLocalKms({ keyFile: at('open.key') })).toThrow(/chmod 600/)
  })
})
