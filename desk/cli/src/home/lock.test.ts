import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '@countersign/ground/testkit'
import { expect, test } from 'vitest'
import type { Layout } from './layout.ts'
import { currentLock, takeLock } from './lock.ts'

test('a lock is had by one, and where it cannot be made the folder is named', async () => {
  using folder = temporaryFolder()
  const root = join(folder.path, 'state')
  const layout = { root, lock: join(root, 'supervisor.json') } as Layout
  await expect(takeLock(layout)).rejects.toMatchObject({
    code: 'ENVIRONMENT',
    message: expect.stringContaining(root),
  })
  mkdirSync(root)
  const release = await takeLock(layout)
  expect(currentLock(layout)?.pid).toBe(process.pid)
  await release()
  expect(currentLock(layout)).toBeUndefined()
})
