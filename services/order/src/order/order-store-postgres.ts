import { isUuid, migrate, openPostgres } from '@countersign/ground/store'
import type { Log } from '@countersign/ground/telemetry'
import type { Permit } from '@countersign/layers'
import type { Pool } from 'pg'
import type { Order, OrderItem } from '../domain/order.ts'
import { visibleTo } from '../domain/visible-to.ts'
import { MIGRATIONS } from './order-migrations.ts'
import type { OrderStore, Page } from './order-store.ts'

/** Orders in PostgreSQL. Brings the database to its present shape first. */
export async function openPostgresOrderStore(options: {
  url: string
  ca?: string | undefined
  log: Log
}): Promise<OrderStore> {
  const { pool, proof } = await openPostgres({
    ...options,
    applicationName: 'order',
    onError: (error) => options.log.warn({ err: error }, 'a connection to the database broke'),
  })
  const ran = await migrate(pool, MIGRATIONS)
  if (ran.length > 0) options.log.info({ ran }, 'the database was migrated')
  return {
    proof: { hop: 'database', ...proof },
    insert: (order) => insert(pool, order),
    replace: (order) => replace(pool, order),
    byId: (permit, id) => byId(pool, permit, id),
    list: (permit, page) => list(pool, permit, page),
    unfinished: (changedBefore, limit) => unfinished(pool, changedBefore, limit),
    close: () => pool.end(),
  }
}

async function insert(pool: Pool, order: Order): Promise<Order | undefined> {
  const { rowCount } = await pool.query(
    `insert into orders (id, person_id, status, items, total_minor, currency, payment_id,
       idempotency_key, fingerprint, version, placed_at, changed_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
     on conflict (person_id, idempotency_key) where idempotency_key is not null do nothing`,
    [
      order.id,
      order.personId,
      order.status,
      JSON.stringify(order.items),
      order.totalMinor,
      order.currency,
      order.paymentId,
      order.idempotencyKey,
      order.fingerprint,
      order.version,
      order.placedAt,
      order.changedAt,
    ],
  )
  if (rowCount === 1) return undefined
  const { rows } = await pool.query<Row>(
    'select * from orders where person_id = $1 and idempotency_key = $2',
    [order.personId, order.idempotencyKey],
  )
  return rows.map(toOrder)[0]
}

/** Only what can change is written. */
async function replace(pool: Pool, order: Order): Promise<boolean> {
  const { rowCount } = await pool.query(
    `update orders set status = $3, payment_id = $4, version = $2, changed_at = $5
     where id = $1 and version = $2 - 1`,
    [order.id, order.version, order.status, order.paymentId, order.changedAt],
  )
  return rowCount === 1
}

/** The condition that leaves out what the permit does not show; its one value is always `$1`. */
function visible(permit: Permit): { readonly sql: string; readonly value: string | null } {
  const sight = visibleTo(permit)
  return sight.of === 'all'
    ? { sql: '$1::text is null', value: null }
    : { sql: 'person_id = $1', value: sight.personId }
}

async function byId(pool: Pool, permit: Permit, id: string): Promise<Order | undefined> {
  const { sql, value } = visible(permit)
  if (!isUuid(id)) return undefined
  const { rows } = await pool.query<Row>(`select * from orders where ${sql} and id = $2`, [
    value,
    id,
  ])
  return rows.map(toOrder)[0]
}

async function list(pool: Pool, permit: Permit, { limit, after }: Page): Promise<Order[]> {
  const { sql, value } = visible(permit)
  if (after !== undefined && !isUuid(after)) return []
  const from = `and (placed_at, id) < (select placed_at, id from orders where ${sql} and id = $3)`
  const { rows } = await pool.query<Row>(
    `select * from orders where ${sql} ${after === undefined ? '' : from}
     order by placed_at desc, id desc limit $2`,
    after === undefined ? [value, limit] : [value, limit, after],
  )
  return rows.map(toOrder)
}

async function unfinished(pool: Pool, changedBefore: number, limit: number): Promise<Order[]> {
  const { rows } = await pool.query<Row>(
    `select * from orders where status in ('placing', 'cancelling') and changed_at < $1
     order by changed_at limit $2`,
    [new Date(changedBefore), limit],
  )
  return rows.map(toOrder)
}

interface Row {
  id: string
  person_id: string
  status: Order['status']
  items: OrderItem[]
  total_minor: number
  currency: string
  payment_id: string | null
  idempotency_key: string | null
  fingerprint: string
  version: number
  placed_at: Date
  changed_at: Date
}
const toOrder = (row: Row): Order => ({
  id: row.id,
  personId: row.person_id,
  status: row.status,
  items: row.items,
  totalMinor: row.total_minor,
  currency: row.currency,
  paymentId: row.payment_id,
  idempotencyKey: row.idempotency_key,
  fingerprint: row.fingerprint,
  version: row.version,
  placedAt: row.placed_at.toISOString(),
  changedAt: row.changed_at.toISOString(),
})
