import type { Witness } from '@countersign/contract/platform'
import type { Permit } from '@countersign/layers'
import type { Order } from '../domain/order.ts'

export interface Page {
  readonly limit: number
  /** Id of the last order of the page before. */
  readonly after?: string | undefined
}

/**
 * Keeps orders.
 * Promises: durable on return; a person has one order under an idempotency key, however many inserts meet;
 * a replace is atomic and happens only on the version it was made from. What people read they read with their
 * permit: the store itself leaves out what the permit does not show (`visibleTo`), so no handler can forget to.
 */
export interface OrderStore {
  /** `undefined` where it was inserted; otherwise the person's order that has this idempotency key. */
  insert(order: Order): Promise<Order | undefined>
  /** Puts `order` in the place of its version `order.version - 1`. False where that is not there. */
  replace(order: Order): Promise<boolean>
  /** Not there, and not to be seen, are the same: `undefined`. */
  byId(permit: Permit, id: string): Promise<Order | undefined>
  /** Newest first. Nothing after an order that is not there or not to be seen. */
  list(permit: Permit, page: Page): Promise<Order[]>
  /** Orders that are `placing` or `cancelling` since before `changedBefore` (ms), longest first. For settling alone. */
  unfinished(changedBefore: number, limit: number): Promise<Order[]>
  /** What the store said of itself, for the audit event. */
  readonly proof: Witness
  close(): Promise<void>
}
