import type { Migration } from '@countersign/ground/store'

/** The tables of the order service. What has run once is never changed: a change is a new step at the end. */
export const MIGRATIONS: readonly Migration[] = [
  {
    name: '0001-orders',
    sql: `
      create table orders (
        id uuid primary key,
        person_id text not null check (person_id <> ''),
        status text not null check (status in
          ('placing', 'paid', 'declined', 'failed', 'shipped', 'cancelling', 'cancelled')),
        items jsonb not null,
        total_minor integer not null check (total_minor > 0),
        currency text not null check (currency ~ '^[A-Z]{3}$'),
        payment_id uuid,
        idempotency_key text,
        fingerprint text not null,
        version integer not null check (version > 0),
        placed_at timestamptz not null,
        changed_at timestamptz not null
      );
      create unique index orders_idempotency on orders (person_id, idempotency_key)
        where idempotency_key is not null;
      create index orders_of_person on orders (person_id, placed_at desc, id desc);
      create index orders_by_time on orders (placed_at desc, id desc);
      create index orders_unfinished on orders (changed_at) where status in ('placing', 'cancelling');
    `,
  },
]
