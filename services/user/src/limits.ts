// Fixed by specifications

/** RFC 9106, section 4, second choice of parameters scaled as OWASP advises: 19 MiB, two passes, one lane. */
export const ARGON2 = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const

// Chosen by us

/** Longer passwords only cost us time: refused before any hashing. */
export const PASSWORD_BYTES_MAX = 1_024
/** NIST SP 800-63B asks for 8 at least beside a second factor, and for more without one. */
export const PASSWORD_CHARS_MIN = 12
export const USERNAME_CHARS_MAX = 64
export const PAGE_MAX = 100
export const PAGE_DEFAULT = 20
/** Hashes that run at one time, each on a thread of its own with 19 MiB. */
export const HASHES_AT_ONCE_MAX = 2
/** Hashes that wait for a thread. At about 45 ms each the last one waits some 1.5 s. */
export const HASHES_WAITING_MAX = 64
export const CACHE_MS_MAX = 5_000
/** How often a change that met another change is tried anew. */
export const CHANGE_TRIES_MAX = 3
export const DEMO_PEOPLE_MAX = 20
