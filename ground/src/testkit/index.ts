import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export { Chance } from './chance.ts'
export {
  createHostileChains,
  type HostileChain,
  type HostileChains,
} from './hostile/hostile-chains.fixture.ts'
export { type LlhttpVector, llhttpOtherVectors, llhttpVectors } from './llhttp-vectors.ts'
export { NodeReader, type NodeRequest } from './node-reader.ts'
export { has } from './programs.ts'

/** A folder that goes away with `using`. Short, so that unix sockets fit below it. */
export function temporaryFolder(prefix = 'cs-'): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), prefix))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

/** A TCP port of the loopback that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve, reject) =>
    server.once('error', reject).listen(0, '127.0.0.1', resolve),
  )
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** Waits until `check` holds. Throws with the last error, or `what`, when `timeoutMs` is over. */
export async function until(check: () => unknown, what: string, timeoutMs = 15_000): Promise<void> {
  const end = Date.now() + timeoutMs
  let last: unknown
  while (Date.now() < end) {
    try {
      if (await check()) return
      last = undefined
    } catch (error) {
      last = error
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error(`waited ${timeoutMs} ms in vain: ${what}`, { cause: last })
}
