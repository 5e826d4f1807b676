import { hkdfSync, type KeyObject, randomBytes } from 'node:crypto'

/*
 * Keys of session tickets (RFC 5077, RFC 8446 section 4.6.1). All gateways of a platform derive the same ones from the master
 * key, so that a session that began at one goes on at another; and new ones each hour, so that what a stolen key opens is
 * bounded. Sessions of a resumed connection keep their forward secrecy: TLS 1.3 makes fresh keys for each.
 */
const TICKET_KEY_BYTES = 48
export const TICKET_KEY_LIFE_MS = 3_600_000
const LABEL = 'countersign public door session tickets'

/** The keys of the hour of `now` (milliseconds since 1970). */
export function ticketKeys(secret: KeyObject, now: number): Buffer {
  const hour = Math.floor(now / TICKET_KEY_LIFE_MS)
  return Buffer.from(hkdfSync('sha256', secret, LABEL, `hour ${hour}`, TICKET_KEY_BYTES))
}

/** Where there is no common secret, each process has its own; sessions end with it. */
export const ownTicketKeys = (): Buffer => randomBytes(TICKET_KEY_BYTES)
