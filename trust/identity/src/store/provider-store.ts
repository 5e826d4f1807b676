import { createHash } from 'node:crypto'
import { messageOf } from '@countersign/ground/errors'
import type { Keyring } from '@countersign/ground/seal'
import type { Log } from '@countersign/ground/telemetry'
import { type Adapter, type AdapterPayload, errors } from 'oidc-provider'
import type { Pool } from 'pg'
import { CLOCK_TOLERANCE_SECONDS, SESSION_SECONDS } from '../limits.ts'

/** What belongs to a grant and dies with it. */
const FAMILY: ReadonlySet<string> = new Set(['AccessToken', 'AuthorizationCode', 'RefreshToken'])

export interface ProviderStoreOptions {
  readonly pool: Pool
  readonly keyring: Keyring
  readonly log: Log
  /** Told of each code and refresh token that is looked up, so that a refusal can name whom it concerns. */
  readonly onLookup?: (payload: AdapterPayload) => void
}

/*
 * The provider's memory in PostgreSQL.
 *
 * - an id is a credential: only its SHA-256 is stored, and the payload, which repeats it, is sealed under it
 * - `consume` succeeds once; whoever comes second ends the whole family, since one of the two is a thief
 * - ending a family deletes its grant, so that a token issued in the same moment is dead as well
 */
export function createProviderStore(options: ProviderStoreOptions): (model: string) => Adapter {
  return (model) => createAdapter(model, options)
}

/** The name under which an id is stored; ids of one model say nothing about another. */
export function hashOf(kind: string, id: string): Buffer {
  return createHash('sha256').update(`${kind}:${id}`).digest()
}

function createAdapter(
  model: string,
  { pool, keyring, log, onLookup }: ProviderStoreOptions,
): Adapter {
  const aad = (id: Buffer): string => `${model}:${id.toString('hex')}`

  function open(row: Row | undefined): AdapterPayload | undefined {
    if (row === undefined) return undefined
    try {
      const payload = JSON.parse(
        keyring.open(row.payload, aad(row.id)).toString(),
      ) as AdapterPayload
      if (row.consumed !== null) payload.consumed = row.consumed
      return payload
    } catch (error) {
      // Sealed under another key, or tampered with: as good as absent, but worth a look.
      log.error({ model, reason: messageOf(error) }, 'a stored entry cannot be opened')
      return undefined
    }
  }
  async function findBy(column: 'id' | 'uid' | 'user_code', value: Buffer) {
    const { rows } = await pool.query<Row>(
      `SELECT id, payload, extract(epoch FROM consumed_at)::int AS consumed FROM provider_entry
       WHERE model = $1 AND ${column} = $2 AND expires_at > now()`,
      [model, value],
    )
    const payload = open(rows[0])
    if (payload !== undefined && FAMILY.has(model)) onLookup?.(payload)
    return payload
  }

  return {
    find: (id) => findBy('id', hashOf(model, id)),
    findByUid: (uid) => findBy('uid', hashOf('uid', uid)),
    findByUserCode: (code) => findBy('user_code', hashOf('userCode', code)),
    async upsert(id, payload, expiresIn = SESSION_SECONDS) {
      const key = hashOf(model, id)
      const { consumed: _, ...kept } = payload
      const hashed = (kind: string, value: string | undefined): Buffer | null =>
        value === undefined ? null : hashOf(kind, value)
      await pool.query(
        `INSERT INTO provider_entry (model, id, grant_id, uid, user_code, payload, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, now() + make_interval(secs => $7))
         ON CONFLICT (model, id) DO UPDATE SET grant_id = excluded.grant_id, uid = excluded.uid,
           user_code = excluded.user_code, payload = excluded.payload, expires_at = excluded.expires_at`,
        [
          model,
          key,
          FAMILY.has(model) ? hashed('Grant', payload.grantId) : null,
          hashed('uid', payload.uid),
          hashed('userCode', payload.userCode),
          keyring.seal(JSON.stringify(kept), aad(key)),
          expiresIn + CLOCK_TOLERANCE_SECONDS,
        ],
      )
    },
    async consume(id) {
      const key = [model, hashOf(model, id)]
      const { rowCount } = await pool.query(
        `UPDATE provider_entry SET consumed_at = now()
         WHERE model = $1 AND id = $2 AND consumed_at IS NULL`,
        key,
      )
      if (rowCount === 1) return
      await endFamily(pool, key)
      throw new errors.InvalidGrant(ALREADY_USED)
    },
    async destroy(id) {
      await pool.query('DELETE FROM provider_entry WHERE model = $1 AND id = $2', [
        model,
        hashOf(model, id),
      ])
    },
    async revokeByGrantId(grantId) {
      await pool.query('DELETE FROM provider_entry WHERE model = $1 AND grant_id = $2', [
        model,
        hashOf('Grant', grantId),
      ])
    },
  }
}

/** Inner word of the refusal of a second use; the caller sees `invalid_grant` only. */
export const ALREADY_USED = 'already used'

interface Row {
  readonly id: Buffer
  readonly payload: string
  readonly consumed: number | null
}

async function endFamily(pool: Pool, key: readonly unknown[]): Promise<void> {
  await pool.query(
    `WITH family AS (SELECT grant_id FROM provider_entry WHERE model = $1 AND id = $2)
     DELETE FROM provider_entry e USING family
     WHERE e.grant_id = family.grant_id OR (e.model = 'Grant' AND e.id = family.grant_id)`,
    [...key],
  )
}
