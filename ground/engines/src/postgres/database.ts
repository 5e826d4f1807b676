import pg from 'pg'
import { messageOf } from '@countersign/ground/errors'
import { EngineError } from '../engine.ts'
import { NAME_BYTES_MAX } from '../limits.ts'
import { matchesVerifier, scramVerifier } from './scram.ts'

/** Name of the administrator of the embedded server; only the launcher knows its password. */
export const ADMIN = 'countersign'

export interface DatabaseWish {
  readonly name: string
  readonly owner: string
  /** Printable ASCII, at least 16 characters. */
  readonly password: string
}

/**
 * Makes a role and a database that only this role can connect to. Safe to repeat: what is there stays, a changed
 * password is set. Throws `EngineError` for names that need quoting and for weak passwords.
 */
export async function ensureDatabase(adminUrl: string, wish: DatabaseWish): Promise<void> {
  checkWish(wish)
  const client = new pg.Client({ connectionString: adminUrl })
  try {
    await client.connect()
    await ensureRole(client, wish)
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [
      wish.name,
    ])
    if (rowCount === 0) {
      await client.query(`CREATE DATABASE "${wish.name}" OWNER "${wish.owner}" TEMPLATE template0`)
    }
    // By default every role may connect to every database.
    for (const name of [wish.name, 'postgres', 'template1']) {
      await client.query(`REVOKE ALL ON DATABASE "${name}" FROM PUBLIC`)
    }
  } catch (error) {
    throw new EngineError(`cannot make the database ${wish.name}: ${messageOf(error)}`, error)
  } finally {
    await client.end().catch(() => {})
  }
}

async function ensureRole(client: pg.Client, { owner, password }: DatabaseWish): Promise<void> {
  const { rows } = await client.query<{ stored: string | null }>(
    'SELECT rolpassword AS stored FROM pg_authid WHERE rolname = $1',
    [owner],
  )
  const stored = rows[0]?.stored
  if (rows.length > 0 && (await matchesVerifier(password, stored ?? ''))) return
  const verifier = await scramVerifier(password)
  const verb = rows.length > 0 ? 'ALTER' : 'CREATE'
  const rights = 'LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS'
  // A verifier consists of letters, digits and $:+/= only, and a name was checked: nothing here can end the quotes.
  await client.query(`${verb} ROLE "${owner}" ${rights} PASSWORD '${verifier}'`)
}

const NAME = /^[a-z][a-z0-9_]*$/
const RESERVED: ReadonlySet<string> = new Set(['postgres', 'template0', 'template1', 'public'])

function checkWish({ name, owner, password }: DatabaseWish): void {
  for (const text of [name, owner]) {
    const fits = NAME.test(text) && text.length <= NAME_BYTES_MAX
    if (!fits || RESERVED.has(text) || text.startsWith('pg_') || text === ADMIN) {
      throw new EngineError(`${JSON.stringify(text)} cannot be the name of a database or role`)
    }
  }
  if (!/^[\x21-\x7e]{16,256}$/.test(password)) {
    throw new EngineError(`the password of role ${owner} must be 16 to 256 printable characters`)
  }
}
