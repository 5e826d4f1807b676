/* Limits of what the authorities keep together: the state of trust, the word of peers, the evidence of workloads. */
const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

/* Fixed by the contract of the authority. */
export const ROOTS_MAX = 8
export const INTERMEDIATES_MAX = 8
export const BLOCKERS_MAX = 1_024
export const FINDINGS_MAX = 1_024
export const UNCLAIMED_MAX = 64

/* Chosen by us. */
/** Longest file with a sealed key, or with the state of trust. Theirs are a few kilobytes. */
export const SIGNER_FILE_BYTES_MAX = 262_144
export const TRUST_FILE_BYTES_MAX = 8_388_608
/** Files in the vault, or intermediates of one instance on disk. More is nothing of ours. */
export const SIGNER_FILES_MAX = 64
/** Authorities in one state of trust. */
export const AUTHORITIES_MAX = 64
/** A root or an intermediate is replaced when less than this share of its life is left. */
export const RENEW_SHARE = 1 / 3
/** A root that leaves less than this share of the wanted life signs no intermediate any more. */
export const ROOT_NEARLY_ENDED_SHARE = 1 / 10
/** An intermediate lives at least so many lives of a leaf: else it would be replaced all the time. */
export const LEAVES_PER_INTERMEDIATE_MIN = 4
/** Versions of the roots whose hashes are remembered, to tell an older state from another branch. */
export const TRAIL_MAX = 64
/** Steps that are remembered, the newest first. */
export const STEPS_MAX = 1_000
/** Keys that were destroyed and shall stay so if their file comes to light. */
export const GONE_MAX = 1_000

/** Authorities tell each other everything this often, each a little earlier or later. */
export const PEER_EVERY_MS: number = 5 * SECOND
/** Changes within this time leave in one message. */
export const PEER_DEBOUNCE_MS = 5
/** One exchange with one peer. */
export const PEER_EXCHANGE_MS_MAX: number = 3 * SECOND
/** The first round waits for peers no longer than this. */
export const PEER_START_MS_MAX: number = 4 * SECOND
/** Who was heard of within this time is up. */
export const PEER_UP_MS: number = 8 * SECOND
/** Peers that were heard of and are remembered. */
export const PEERS_MAX = 64
export const TOPICS_MAX = 32
/** One step that another authority takes part in. */
export const PEER_STEP_MS_MAX: number = 15 * SECOND

/** Instances of workloads whose reports are kept, in all and of one name. */
export const REPORTS_MAX = 20_000
export const REPORTS_PER_NAME_MAX = 2_000
/** A report is forgotten when its certificates have been expired for so long. */
export const REPORT_KEPT_MS: number = 10 * MINUTE
/** A report that another authority heard has to be newer by this to count for more than one that was heard here. */
export const HEARSAY_MS_MIN = 500
/** Workloads that wait for a change at one authority. */
export const WAITERS_MAX = 10_000
export const WAITERS_PER_NAME_MAX = 2_000
/** How long a word of trust counts at least. Else twice the life of a leaf. */
export const TRUST_WORD_MS_MIN: number = 24 * HOUR
/** Certificates that nobody has claimed this long after they were asked for are told to their owner. */
export const UNCLAIMED_AFTER_MS: number = 30 * SECOND
/** Certificates of one issuer that a gate looks at. With more it stays closed. */
export const GATE_RECORDS_MAX = 10_000
/** Names that are asked for at the registry, and instances that it may list. */
export const LIVE_NAMES_MAX = 1_000
export const LIVE_INSTANCES_MAX = 20_000
/** All of what the registry is asked for one step. */
export const LIVENESS_MS_MAX: number = 5 * SECOND

/** How often the schedule looks whether something is to be done, and goes on with what was blocked. */
export const SCHEDULE_EVERY_MS: number = 3 * SECOND
/** The same blockers are told again after this. */
export const BLOCKERS_TOLD_EVERY_MS: number = MINUTE
/** How often a turn is asked for when another authority has it, and how long to wait in between. */
export const TURN_TRIES = 5
export const TURN_WAIT_MS_MAX = 300
/** How far a forecast looks where nothing is said. */
export const FORECAST_MS: number = 30 * 24 * HOUR
