import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The file that shells call. */
export const BIN: string = fileURLToPath(new URL('../bin/countersign.mjs', import.meta.url))

/** The folder in which `npm ci` was run, where this program runs from its sources; `undefined` where it was installed. */
export function checkoutFolder(): string | undefined {
  if (!import.meta.url.endsWith('.ts')) return undefined
  const folder = join(dirname(BIN), '..', '..', '..')
  return existsSync(join(folder, 'mesh', 'service', 'package.json')) ? folder : undefined
}

/** Rules from which Prometheus warns; a published package has none. */
export function alertRulesFile(): string | undefined {
  const checkout = checkoutFolder()
  if (checkout === undefined) return undefined
  const file = join(checkout, 'deploy', 'prometheus', 'alerts.yml')
  return existsSync(file) ? file : undefined
}
