import { X509Certificate } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf } from '@countersign/ground/errors'
import { readConfig } from '../config/config.ts'
import { variableOf } from '../config/settings.ts'
import type { Desk } from '../desk.ts'
import { currentLock } from '../home/lock.ts'
import { looseIn } from '../home/private.ts'
import { SPOOL_BYTES_ATTENTION } from '../limits.ts'
import { requireFreePort } from '../supervisor/ports.ts'
import { left } from '../terminal/status-table.ts'
import type { Finding } from './check.ts'

const NODE_MAJOR_MIN = 24

export function checkNode(version: string): Finding {
  const name = 'node'
  const major = Number(/^v([0-9]+)\./.exec(version)?.[1])
  if (major >= NODE_MAJOR_MIN) return { name, health: 'ok', found: version }
  return {
    name,
    health: 'broken',
    found: version,
    remedy: 'run: npm ci (it brings the Node that is needed)',
  }
}

export function checkConfig({ env, folder }: Desk): Finding {
  const name = 'configuration'
  try {
    readConfig(env, folder)
    return { name, health: 'ok', found: 'can be used' }
  } catch (error) {
    return {
      name,
      health: 'broken',
      found: messageOf(error),
      remedy: 'mend the lines that are named',
    }
  }
}

/** Folders that hold secrets are for this user alone, and so is every secret. */
export function checkModes({ layout }: Desk): Finding {
  const name = 'state folder'
  const { root } = layout
  if (!existsSync(root)) return { name, health: 'ok', found: `${root} is made at the first start` }
  try {
    const loose = looseIn(layout)
    if (loose.length === 0) return { name, health: 'ok', found: `${root} is for this user alone` }
    return {
      name,
      health: 'broken',
      found: `open to others: ${loose.map(({ path, found }) => `${path} ${found}`).join(', ')}`,
      remedy: loose.map(({ remedy }) => remedy).join(' && '),
    }
  } catch (error) {
    return { name, health: 'broken', found: messageOf(error), remedy: 'run it as its owner' }
  }
}

/** While the platform runs the port is its own. */
export async function checkPort(
  { env, folder, layout }: Desk,
  which: 'publicPort' | 'adminPort',
): Promise<Finding> {
  const name = which === 'publicPort' ? 'public port' : 'port of the Admin API'
  let port = 0
  try {
    port = readConfig(env, folder)[which]
  } catch {
    return { name, health: 'attention', found: 'unknown while the configuration is broken' }
  }
  if (port === 0) return { name, health: 'ok', found: 'any that is free' }
  if (currentLock(layout) !== undefined)
    return { name, health: 'ok', found: `${port}, in use by the platform` }
  try {
    await requireFreePort(port, variableOf(which))
    return { name, health: 'ok', found: `${port} is free` }
  } catch (error) {
    const [found = '', remedy = ''] = messageOf(error).split('\n')
    return { name, health: 'broken', found, remedy }
  }
}

/** A certificate of the future tells that the clock went back since. */
export async function checkCertificates({ layout }: Desk, now: number): Promise<Finding> {
  const name = 'certificates and clock'
  const folder = layout.identity('desk')
  let leaf: X509Certificate
  try {
    leaf = new X509Certificate(await readFile(join(folder, 'cert.pem')))
  } catch {
    return { name, health: 'ok', found: 'none yet' }
  }
  const running = currentLock(layout) !== undefined
  if (now < leaf.validFromDate.getTime())
    return {
      name,
      health: 'broken',
      found: `the certificate of the desk begins ${leaf.validFrom}; the clock says it is before that`,
      remedy: 'set the clock, then restart: countersign down && countersign up',
    }
  const ms = leaf.validToDate.getTime() - now
  if (ms > 0) return { name, health: 'ok', found: `the desk has one for another ${left(ms)}` }
  if (!running) return { name, health: 'ok', found: 'new ones are made at the start' }
  return {
    name,
    health: 'broken',
    found: 'the certificate of the desk has ended',
    remedy:
      'look why it is not renewed: countersign logs supervisor; a clock that jumped is the usual cause',
  }
}

/** Events that wait on disk for the collector. */
export async function checkSpools({ layout }: Desk): Promise<Finding> {
  const name = 'audit spools'
  const parts = await readdir(join(layout.run, 'parts')).catch((): string[] => [])
  let bytes = 0
  for (const part of parts) {
    const folder = join(layout.part(part), 'spool')
    for (const file of await readdir(folder).catch((): string[] => []))
      bytes += (await stat(join(folder, file)).catch(() => undefined))?.size ?? 0
  }
  const found = `${Math.ceil(bytes / 1024)} KiB on disk`
  if (bytes <= SPOOL_BYTES_ATTENTION) return { name, health: 'ok', found }
  return {
    name,
    health: 'attention',
    found,
    remedy: 'see whether the collector is well: countersign status, countersign logs audit-1',
  }
}
