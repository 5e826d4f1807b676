import type { Writable } from 'node:stream'

/*
 * What is written within one turn of the event loop leaves behind all that could be read in that turn. Who is written to is
 * then woken once for many messages, where it would wake, work and sleep again for each of them; on a busy machine waking
 * costs more than the message does. On an idle one nothing waits: the turn ends with the last read.
 */
let corked: Writable[] = []
let uncorked: Writable[] = []
let isDue = false

/** What is written to this stream from now on leaves at the end of this turn, in one piece where it can. */
export function corkForTurn(stream: Writable): void {
  if (stream.writableCorked > 0) return
  stream.cork()
  corked.push(stream)
  if (isDue) return
  isDue = true
  setImmediate(uncorkAll)
}

function uncorkAll(): void {
  const streams = corked
  corked = uncorked
  uncorked = streams
  isDue = false
  for (const stream of streams) stream.uncork()
  streams.length = 0
}
