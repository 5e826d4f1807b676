import { expect } from 'vitest'
import { readLogFolder } from '../log/tile-folder.ts'
import { verifyLog } from '../verify/verify-log.ts'

/** Verifies the log of a folder as a stranger would. Gives how many entries it has. */
export async function isSound(folder: string, key: string): Promise<number> {
  const { ok, size, faults } = await verifyLog({ read: readLogFolder(folder), key })
  expect(faults).toEqual([])
  return ok ? size : -1
}
