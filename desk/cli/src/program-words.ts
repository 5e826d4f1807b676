import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { BIN } from './checkout.ts'

/**
 * How a shell in `folder` calls this program: `npx countersign` where npx finds it without the network, otherwise
 * by its file.
 */
export function programWords(folder: string): readonly string[] {
  for (let at = folder; ; at = dirname(at)) {
    if (existsSync(join(at, 'node_modules', '.bin', 'countersign'))) return ['npx', 'countersign']
    if (at === dirname(at)) return ['node', BIN]
  }
}
