/*
 * Bounds of Kong's entities.
 */

// Fixed by Kong.

export const PAGE_SIZE = 100
export const PAGE_SIZE_MAX = 1_000
/** Tags in one query. */
export const TAGS_ASKED_MAX = 5
/** Longest timeout in milliseconds, Kong's 2^31 - 2. */
export const TIMEOUT_MS_MAX = 2_147_483_646
export const TARGET_PORT = 8_000
export const TARGET_WEIGHT_MAX = 65_535

// Chosen by us.

export const NAME_CHARS_MAX = 256
export const TEXT_CHARS_MAX = 4_096
export const PEM_CHARS_MAX = 65_536
export const LIST_ITEMS_MAX = 256
export const TAGS_MAX = 64
/** Entities in one configuration: all of them go to each gateway at each change. */
export const ENTITIES_MAX = 10_000
/** A regular expression costs memory at each gateway: RE2's instructions are in proportion to its text. */
export const REGEX_CHARS_MAX = 1_024
/** `x{1000}{1000}` is short, and its program is not. */
export const REGEX_INSTRUCTIONS_MAX = 10_000
/** Fields of one form, how deep they nest, and how long a list can grow by `x[n]=`. */
export const FORM_FIELDS_MAX = 2_000
export const DEPTH_MAX = 16
export const FORM_INDEX_MAX = 1_000
/** Longest declarative text in characters. */
export const DECLARATIVE_CHARS_MAX = 16 * 1024 * 1024
/** Mistakes of one text that are told. */
export const MISTAKES_MAX = 200
