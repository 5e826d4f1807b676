/* Fixed by AES-256-GCM as we use it (NIST SP 800-38D). */
export const KEY_BYTES = 32
export const NONCE_BYTES = 12
export const TAG_BYTES = 16

/* Fixed by RFC 9106, section 4: the second recommended option, for where 2 GiB a key are too much. */
export const ARGON2_MEMORY_KIB = 65_536
export const ARGON2_PASSES = 3
export const ARGON2_LANES = 4
export const ARGON2_SALT_BYTES = 16

/* Chosen by us. */
/** Longest plaintext. Sealed are keys and fields, not files. */
export const PLAINTEXT_BYTES_MAX = 1_048_576
/** Sealed files go in chunks of this size. Part of their format. */
export const STREAM_CHUNK_BYTES = 65_536
/** Keys that a keyring can hold, the current one and those before it. */
export const KEYRING_KEYS_MAX = 64
/** What a file may ask of us: enough to be worth the name, and not so much that it stops the machine. */
export const ARGON2_MEMORY_KIB_MIN = 19_456
export const ARGON2_MEMORY_KIB_MAX = 1_048_576
export const ARGON2_PASSES_MAX = 16
export const ARGON2_LANES_MAX = 16
export const PASSPHRASE_CHARS_MIN = 12
export const PASSPHRASE_BYTES_MAX = 1_024
/** Longest file with a key, a passphrase or a sealed key. */
export const SECRET_FILE_BYTES_MAX = 16_384
/** How long a key service may take for one answer. */
export const KMS_MS_MAX = 10_000
export const KMS_ANSWER_BYTES_MAX = 65_536
/** Smallest RSA key of a token that seals for us. */
export const KMS_RSA_BITS_MIN = 2_048
