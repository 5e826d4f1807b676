/* Fixed by specification: nothing here. The bounds of the PROXY header are in ground/http1. */

/* Chosen by us. */

/** How long a gateway may take to accept a connection before the next one is tried. */
export const CONNECT_TIMEOUT_MS = 1_000
/** A connection without a byte in either direction. Longer than the longest time an endpoint may declare. */
export const IDLE_TIMEOUT_MS = 660_000
/** A connection that one side has ended, while the other still sends. */
export const HALF_OPEN_TIMEOUT_MS = 60_000
export const BACKLOG = 4_096
export const GATEWAYS_MAX = 64

export const CHECK_INTERVAL_MS = 500
export const CHECK_TIMEOUT_MS = 1_500
/** Checks that fail in a row before a gateway is ejected; a refused connection ejects at once. */
export const CHECKS_TO_EJECT = 2
/** Checks that pass in a row before it is readmitted. */
export const CHECKS_TO_READMIT = 2
/** An ejected gateway stays out for at least this long, doubled for each ejection that follows soon. */
export const EJECT_MS = 500
export const EJECT_MS_MAX = 30_000
/** A gateway that has been well for so long begins again with the shortest ejection. */
export const FORGIVE_MS = 30_000
/** A readmitted gateway gets connections slowly at first: from this share to all of it, over this time. */
export const SLOW_START_MS = 10_000
export const SLOW_START_SHARE = 0.1

/** While draining: connections that carry no byte for so long are ended. */
export const DRAIN_QUIET_MS = 2_000
/** While draining: all others are ended after so long. */
export const DRAIN_MS_MAX = 10_000
export const DRAIN_TICK_MS = 100
