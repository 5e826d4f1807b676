/** Chosen by us. */

/** A longer body is refused where a rule is about bodies: it is held whole, parsed and written anew. */
export const REQUEST_BODY_BYTES_MAX = 1_048_576
export const ANSWER_BODY_BYTES_MAX = 8 * 1_048_576
/** Rules of one kind in one place. */
export const RULES_MAX = 256
export const RULE_CHARS_MAX = 4_096
/** What templates may make of what a client sent. */
export const RENDERED_CHARS_MAX = 8_192
/** Objects and arrays in each other; cjson, which Kong uses, allows as many. */
export const JSON_DEPTH_MAX = 1_000
