/** What to look for; everything that is given has to hold. */
export interface Filter {
  readonly id?: string | undefined
  readonly requestId?: string | undefined
  /** The id or the name of a person. */
  readonly userId?: string | undefined
  readonly service?: string | undefined
  readonly action?: string | undefined
  readonly status?: string | undefined
  readonly kind?: string | undefined
  /** ISO 8601; both ends belong to it. */
  readonly from?: string | undefined
  readonly until?: string | undefined
  /** Only entries from this index on. */
  readonly after?: number | undefined
}

const CONDITIONS: Readonly<Record<keyof Filter, string>> = {
  id: 'id = :id',
  requestId: 'request_id = :requestId',
  userId: '(user_id = :userId OR user_name = :userId)',
  service: 'service = :service',
  action: 'action = :action',
  status: 'status = :status',
  kind: 'kind = :kind',
  from: 'time >= :from',
  until: 'time <= :until',
  after: 'idx >= :after',
}

/** The query of a filter. The text depends only on which fields are set, never on their values. */
export function queryOf(
  filter: Filter,
  newestFirst: boolean,
): { sql: string; values: Record<string, string | number> } {
  const names = (Object.keys(CONDITIONS) as (keyof Filter)[]).filter(
    (name) => filter[name] !== undefined,
  )
  const where = names.map((name) => CONDITIONS[name]).join(' AND ')
  const values = Object.fromEntries(names.map((name) => [name, valueAs(filter, name)]))
  const order = newestFirst ? 'DESC' : 'ASC'
  const sql = `SELECT idx FROM events ${where && `WHERE ${where}`} ORDER BY idx ${order} LIMIT :limit`
  return { sql, values }
}

function valueAs(filter: Filter, name: keyof Filter): string | number {
  const value = filter[name] ?? ''
  return name === 'from' || name === 'until' ? Date.parse(String(value)) : value
}
