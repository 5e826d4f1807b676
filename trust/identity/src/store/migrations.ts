import type { Migration } from '@countersign/ground/store'

/*
 * One table holds everything that the provider remembers. Ids, grant ids and session uids are SHA-256 hashes
 * and payloads are sealed: a copy of the table logs nobody in.
 */
export const migrations: readonly Migration[] = [
  {
    name: '0001-provider-entries',
    sql: `
      CREATE TABLE provider_entry (
        model text NOT NULL,
        id bytea NOT NULL,
        grant_id bytea,
        uid bytea,
        user_code bytea,
        payload text NOT NULL,
        consumed_at timestamptz,
        expires_at timestamptz NOT NULL,
        PRIMARY KEY (model, id)
      );
      CREATE INDEX provider_entry_grant ON provider_entry (grant_id) WHERE grant_id IS NOT NULL;
      CREATE INDEX provider_entry_uid ON provider_entry (model, uid) WHERE uid IS NOT NULL;
      CREATE INDEX provider_entry_user_code ON provider_entry (model, user_code) WHERE user_code IS NOT NULL;
      CREATE INDEX provider_entry_expiry ON provider_entry (expires_at);
    `,
  },
]
