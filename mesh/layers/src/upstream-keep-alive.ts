import { IDLE_MS_MAX, KEEP_ALIVE_MARGIN_MS } from './limits.ts'

/**
 * How long to keep an idle connection, in milliseconds: less than the other side says that it will (`Keep-Alive:
 * timeout=5`, in seconds), so that it does not end it while a request is on its way. Zero or less: not at all.
 */
export function keepMsOf(headers: readonly string[]): number {
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] ?? ''
    if (name.length !== 10 || name.toLowerCase() !== 'keep-alive') continue
    const seconds = /(?:^|[,;\s])timeout=([0-9]{1,6})/i.exec(headers[i + 1] ?? '')?.[1]
    if (seconds !== undefined)
      return Math.min(IDLE_MS_MAX, Number(seconds) * 1_000 - KEEP_ALIVE_MARGIN_MS)
  }
  return IDLE_MS_MAX
}
