// Chosen by us

export const ITEMS_MAX = 50
export const QUANTITY_MAX = 1_000
/** Greatest total of one order, in the smallest unit of its currency. */
export const TOTAL_MINOR_MAX = 100_000_000
export const PAGE_MAX = 100
export const PAGE_DEFAULT = 20
/** An order that has been open for so long is settled; longer than a call to payment can take. */
export const SETTLE_AFTER_MS = 15_000
export const SETTLE_EVERY_MS = 5_000
/** Orders that one round of settling looks at, and calls of it at one time. */
export const SETTLE_ORDERS_MAX = 50
export const SETTLE_AT_ONCE_MAX = 4
export const CACHE_MS_MAX = 5_000
/** How often a change that met another change is tried anew. */
export const CHANGE_TRIES_MAX = 3
