/*
 * Bounds of token checking.
 */

// Fixed by specification.

/** RFC 7518 section 3.3: RSA keys for RS256 have at least so many bits. */
export const RSA_BITS_MIN: number = 2048
/** FIPS 186-5 section 5.4: the public exponent is odd and at least this. */
export const RSA_EXPONENT_MIN: number = 65_537
/** RFC 7518 section 3.4: r and s, 32 bytes each. */
export const ES256_SIGNATURE_BYTES: number = 64

// Chosen by us.

/** Above this, checking a signature would be a way to burn our time. */
export const RSA_BITS_MAX: number = 8192
export const TOKEN_CHARS_MAX: number = 8192
/** A header names a key and a type. It has no reason to be longer. */
export const HEADER_CHARS_MAX: number = 1024
export const KEY_ID_CHARS_MAX: number = 256
export const KEYS_MAX: number = 64
/** How deep the JSON of a header or of claims may nest. */
export const JSON_DEPTH_MAX: number = 16
