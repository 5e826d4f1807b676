import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { startPostgres, wipe } from '@countersign/engines'
import { createLog } from '@countersign/ground/telemetry'
import { temporaryFolder } from '@countersign/ground/testkit'

const log = createLog({ service: 'test', node: 'test-1', destination: { write: () => {} } })

/** A PostgreSQL of its own for one test file, with as many databases as it asks for. */
export async function startTestDatabases() {
  const temporary = temporaryFolder('pg-')
  const folder = join(temporary.path, 'postgres')
  const engine = await startPostgres({ folder, log })
  let count = 0
  return {
    async url(): Promise<string> {
      const name = `identity${++count}`
      const password = randomBytes(24).toString('base64url')
      await engine.createDatabase({ name, owner: name, password })
      return engine.url({ database: name, user: name, password })
    },
    async stop(): Promise<void> {
      await engine.stop()
      await wipe(folder, log)
      temporary[Symbol.dispose]()
    },
  }
}
