import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export { Chance } from './chance.ts'
export { freePort } from './free-port.ts'
export {
  createHostileChains,
  type HostileChain,
  type HostileChains,
} from './hostile/hostile-chains.fixture.ts'
export { type LlhttpVector, llhttpOtherVectors, llhttpVectors } from './llhttp-vectors.ts'
export { NodeReader, type NodeRequest } from './node-reader.ts'
export { has } from './programs.ts'
export { spoilBytes } from './spoil-bytes.ts'

/** A folder that goes away with `using`. Short, so that unix sockets fit below it. */
export function temporaryFolder(prefix = 'cs-'): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), prefix))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
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
