// Fixed by specifications

/** ISO/IEC 7812: card numbers have 12 to 19 digits here; shorter ones are no payment cards. */
export const CARD_DIGITS_MIN = 12
export const CARD_DIGITS_MAX = 19

// Chosen by us

/** Greatest amount of one payment, in the smallest unit of its currency. */
export const AMOUNT_MINOR_MAX = 100_000_000
export const HOLDER_CHARS_MAX = 100
export const PAGE_MAX = 100
export const PAGE_DEFAULT = 20
/** How long the processor may take to answer. */
export const PROCESSOR_MS_MAX = 4_000
/** A charge that has not ended after this time is taken over by whoever asks for it next. */
export const CHARGE_LEASE_MS = 5_000
/** How long a repetition waits for the charge that it repeats - longer than the lease - and how often it looks. */
export const REPEAT_WAIT_MS_MAX = 6_000
export const REPEAT_LOOK_MS = 50
/** How often a change that met another change is tried anew. */
export const CHANGE_TRIES_MAX = 5
export const CACHE_MS_MAX = 5_000
export const TABLE_WAIT_MS_MAX = 20_000
export const TABLE_LOOK_MS = 100
export const DYNAMO_CONNECTIONS_MAX = 50
export const DYNAMO_CONNECT_MS_MAX = 2_000
export const DYNAMO_ANSWER_MS_MAX = 5_000
export const DYNAMO_TRIES_MAX = 3
