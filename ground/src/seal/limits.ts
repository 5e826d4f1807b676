/* Fixed by AES-256-GCM as we use it (NIST SP 800-38D). */
export const KEY_BYTES = 32
export const NONCE_BYTES = 12
export const TAG_BYTES = 16

/* Chosen by us. */
/** Longest plaintext. Sealed are keys and fields, not files. */
export const PLAINTEXT_BYTES_MAX = 1_048_576
/** Keys that a keyring can hold, the current one and those before it. */
export const KEYRING_KEYS_MAX = 64
