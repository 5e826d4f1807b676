/* Fixed by the standards. */
/** RFC 5280, 4.1.2.2: a serial number has at most 20 octets. */
export const SERIAL_BYTES_MAX = 20

/** RFC 5280, 5.2.3: a CRL number has at most 20 octets. */
export const CRL_NUMBER_BYTES_MAX = 20
/** RFC 9654, 2.1: a nonce has 1 to 128 octets. */
export const OCSP_NONCE_BYTES_MAX = 128

/* Chosen by us. */
export const SERIAL_BYTES = 16
/** Key identifiers are SHA-1 or SHA-256, whole or cut. */
export const KEY_ID_BYTES_MAX = 32
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
/** Bundles whose roots are kept read, and with them the issuers that they have verified. */
export const ROOT_SETS_MAX = 8
/** Issuers that one set of roots keeps as verified. */
export const VERIFIED_ISSUERS_MAX = 256
/** Issuers whose path is remembered for sessions that show none. */
export const SEEN_PATHS_MAX = 256
export const RSA_BITS_MIN = 2_048
/** Above this a signature check costs a door too much. */
export const RSA_BITS_MAX = 8_192
export const RSA_EXPONENT_MIN = 65_537n
/** Longer exponents make a check of a signature a hundred times as dear: whoever brings the key decides that. */
export const RSA_EXPONENT_BITS_MAX = 32n
/** No RSA modulus may be divisible by a prime up to this one. */
export const SMALL_PRIME_MAX = 751
/** How far from its root a modulus is looked for factors. An honest one would take more rounds than there is time. */
export const FERMAT_ROUNDS = 100
/** Longest list of revoked certificates that is read; 100,000 entries have 4.5 MB. */
export const CRL_BYTES_MAX = 8_388_608
export const CRL_ENTRIES_MAX = 200_000
/** Longest question of OCSP. One certificate takes some 80 bytes, with SHA-256 some 110. */
export const OCSP_REQUEST_BYTES_MAX = 8_192
/** Certificates that one question asks for. */
export const OCSP_CERTIFICATES_MAX = 32
/** Longest answer of OCSP about one certificate: with the certificate of its responder some 2,000 bytes. */
export const OCSP_RESPONSE_BYTES_MAX = 16_384
/** Certificates that an answer brings along. */
export const OCSP_RESPONDERS_MAX = 8
