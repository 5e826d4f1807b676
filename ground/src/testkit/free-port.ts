import { createServer } from 'node:net'

/*
 * Ports for what is started a moment later. Below those that the system gives to outgoing connections (Linux: from 32768),
 * since one of them may come in between; and each process of a test run walks a part of its own, so that two that run side
 * by side, which get neighbouring ids, do not find the same one free.
 */
const FIRST = 24_000
const PARTS = 54
const PART_SIZE = 128
// Ids that fall into the same part begin at different places of it.
let next = Math.floor(process.pid / PARTS) * 37

/** A TCP port of the loopback that nobody has now, and that no other process of a test run looks for. */
export async function freePort(): Promise<number> {
  const base = FIRST + (process.pid % PARTS) * PART_SIZE
  for (let i = 0; i < PART_SIZE; i++) {
    const port = base + (next++ % PART_SIZE)
    if (await isFree(port)) return port
  }
  throw new Error(`no port from ${base} on is free`)
}

function isFree(port: number): Promise<boolean> {
  const server = createServer()
  return new Promise((resolve) =>
    server
      .once('error', () => resolve(false))
      .listen(port, '127.0.0.1', () => server.close(() => resolve(true))),
  )
}
