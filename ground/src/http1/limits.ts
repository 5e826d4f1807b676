/* Chosen by us. */

/** Empty lines before a request line (RFC 9112 section 2.2 asks for one at least). */
export const LEADING_LINES_MAX = 4
/** More digits than any body of a request has bytes; below what a double holds exactly. */
export const LENGTH_DIGITS_MAX = 15
/** Hexadecimal digits of a chunk's size: 4 GiB in one chunk, leading zeros counted. */
export const CHUNK_DIGITS_MAX = 8
/** Longest method that is known, and one more. */
export const METHOD_CHARS_MAX = 12
