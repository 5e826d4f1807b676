// Chosen by us

/** How deep and how far modes are looked at before a start. */
export const PRIVATE_DEPTH_MAX = 4
export const PRIVATE_ENTRIES_MAX = 10_000
