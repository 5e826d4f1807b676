import { messageOf } from '@countersign/ground/errors'
import type { AcmeParts } from './call.ts'
import { KEPT_ISSUED_MS, KEPT_MS, PRUNE_EVERY_MS, PRUNED_AT_ONCE } from './limits.ts'

/*
 * What is over goes after a while, a bounded number of rows a time. What led to a certificate stays longer; accounts
 * stay for good.
 */
const STATEMENTS: readonly (readonly [keptMs: number, sql: string])[] = [
  [
    KEPT_MS,
    `DELETE FROM acme_orders WHERE id IN (SELECT id FROM acme_orders
       WHERE expires_at < ? AND status IN ('pending', 'invalid') LIMIT ?)`,
  ],
  [
    KEPT_ISSUED_MS,
    `DELETE FROM acme_orders WHERE id IN (SELECT id FROM acme_orders
       WHERE expires_at < ? AND status = 'valid' LIMIT ?)`,
  ],
  [
    KEPT_MS,
    `DELETE FROM acme_authorizations WHERE id IN (SELECT id FROM acme_authorizations
       WHERE expires_at < ? LIMIT ?)`,
  ],
  [
    KEPT_ISSUED_MS,
    `DELETE FROM acme_certificates WHERE serial IN (SELECT serial FROM acme_certificates
       WHERE not_after < ? LIMIT ?)`,
  ],
  [
    KEPT_MS,
    'DELETE FROM acme_keys WHERE id IN (SELECT id FROM acme_keys WHERE expires_at < ? LIMIT ?)',
  ],
]

/** Prunes at once, and then from time to time. Returns the way to stop. */
export function keepPruned({ store, now, log }: Pick<AcmeParts, 'store' | 'now' | 'log'>) {
  const prune = (): void => {
    const at = now()
    store
      .write(() => {
        for (const [keptMs, sql] of STATEMENTS)
          store.db.prepare(sql).run(at - keptMs, PRUNED_AT_ONCE)
      })
      .catch((error: unknown) => log.warn({ why: messageOf(error) }, 'old ACME rows stay'))
  }
  prune()
  const timer = setInterval(prune, PRUNE_EVERY_MS).unref()
  return () => clearInterval(timer)
}
