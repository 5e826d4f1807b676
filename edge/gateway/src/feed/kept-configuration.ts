import { randomBytes } from 'node:crypto'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type ControlConfiguration,
  controlConfigurationSchema,
} from '@countersign/contract/platform'
import { SealError, type SealKey, open, seal } from '@countersign/ground/seal'
import { writeFileAtomic } from '@countersign/ground/store'

/*
 * The last configuration that was served, on disk, so that a gateway starts without the control plane. Mode 0600; it holds
 * keys of certificates and of consumers, and is sealed where this gateway has the master key.
 *
 *   configuration.json     without a master key
 *   configuration.sealed   lines: id of this file and number of parts; then the parts, each bound to id and place
 */
export interface Keeper {
  /** What was kept; `undefined` where there is nothing. Throws where it cannot be read. */
  read(): Promise<ControlConfiguration | undefined>
  /** Durable on return. */
  write(configuration: ControlConfiguration): Promise<void>
}

const PART_CHARS_MAX = 256 * 1024

/** Keeps in `folder`, under `key` where there is one. */
export function keepIn(folder: string, key: SealKey | undefined): Keeper {
  const path = join(folder, key === undefined ? 'configuration.json' : 'configuration.sealed')
  return {
    read: async () => {
      const text = await readFile(path, 'utf8').catch(absent)
      if (text === undefined) return undefined
      const plain = key === undefined ? text : openParts(text, key)
      return controlConfigurationSchema.parse(JSON.parse(plain))
    },
    write: async (configuration) => {
      const plain = JSON.stringify(configuration)
      await mkdir(folder, { recursive: true, mode: 0o700 })
      await writeFileAtomic(path, key === undefined ? plain : sealParts(plain, key), 0o600)
    },
  }
}

/** Where there is no folder, nothing is kept. */
export const KEEPS_NOTHING: Keeper = { read: async () => undefined, write: async () => {} }

function sealParts(plain: string, key: SealKey): string {
  const id = randomBytes(12).toString('hex')
  const count = Math.max(1, Math.ceil(plain.length / PART_CHARS_MAX))
  const parts = Array.from({ length: count }, (_, i) =>
    seal(key, plain.slice(i * PART_CHARS_MAX, (i + 1) * PART_CHARS_MAX), placeOf(id, i, count)),
  )
  return [`${id} ${count}`, ...parts, ''].join('\n')
}

/** Throws `SealError`. */
function openParts(text: string, key: SealKey): string {
  const [head = '', ...parts] = text.trimEnd().split('\n')
  const [id = '', count] = head.split(' ')
  if (Number(count) !== parts.length)
    throw new SealError('NOT_AUTHENTIC', 'the kept configuration is not whole')
  return parts.map((part, i) => open(key, part, placeOf(id, i, parts.length)).toString()).join('')
}

const placeOf = (id: string, part: number, of: number): string =>
  `gateway configuration ${id} ${part}/${of}`

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}
