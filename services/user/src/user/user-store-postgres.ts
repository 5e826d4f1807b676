import { isUuid, type Migration, migrate, openPostgres } from '@countersign/ground/store'
import type { Log } from '@countersign/ground/telemetry'
import type { User } from '../domain/user.ts'
import type { UserStore } from './user-store.ts'

const MIGRATIONS: readonly Migration[] = [
  {
    name: '0001-users',
    sql: `create table users (id uuid primary key, document jsonb not null);
          create unique index users_username on users ((document->>'username') collate "C");`,
  },
]
const UNIQUE_VIOLATION = '23505'
type Row = { document: User }

/** People as JSON documents in PostgreSQL. */
export async function openPostgresUserStore(options: {
  url: string
  ca?: string | undefined
  log: Log
}): Promise<UserStore> {
  const { pool, proof } = await openPostgres({
    ...options,
    applicationName: 'user',
    onError: (error) => options.log.warn({ err: error }, 'a connection to the database broke'),
  })
  await migrate(pool, MIGRATIONS)
  const first = async (sql: string, value: string): Promise<User | undefined> =>
    (await pool.query<Row>(`select document from users where ${sql}`, [value])).rows[0]?.document
  return {
    proof: { hop: 'database', ...proof },
    async insert(user) {
      try {
        await pool.query('insert into users (id, document) values ($1, $2)', [user.id, user])
        return 'inserted'
      } catch (error) {
        if ((error as { code?: string }).code === UNIQUE_VIOLATION) return 'taken'
        throw error
      }
    },
    async replace(user) {
      const { rowCount } = await pool.query(
        `update users set document = $2 where id = $1 and document->'version' = to_jsonb($3::int)`,
        [user.id, user, user.version - 1],
      )
      return rowCount === 1
    },
    byId: async (id) => (isUuid(id) ? first('id = $1', id) : undefined),
    byUsername: (username) => first(`(document->>'username') collate "C" = $1`, username),
    async list({ after, limit }) {
      const { rows } = await pool.query<Row>(
        `select document from users where (document->>'username') collate "C" > $1
         order by (document->>'username') collate "C" limit $2`,
        [after ?? '', limit],
      )
      return rows.map((row) => row.document)
    },
    close: () => pool.end(),
  }
}
