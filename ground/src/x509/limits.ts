/* Fixed by the standards. */
/** RFC 5280, 4.1.2.2: a serial number has at most 20 octets. Ours have 16 random ones. */
export const SERIAL_BYTES = 16

/* Chosen by us. */
/** Longest certificate or request that is read. Ours have about 700 bytes. */
export const DER_BYTES_MAX = 16_384
/** Longest PEM text with several certificates. */
export const PEM_CHARS_MAX = 262_144
/** Certificates in one PEM text. */
export const PEM_BLOCKS_MAX = 64
/** Values inside one ASN.1 value. */
export const DER_CHILDREN_MAX = 64
/** Certificates from a leaf to the last intermediate. */
export const CHAIN_LENGTH_MAX = 4
export const RSA_BITS_MIN = 2_048
/** Above this a signature check costs a door too much. */
export const RSA_BITS_MAX = 8_192
export const RSA_EXPONENT_MIN = 65_537n
