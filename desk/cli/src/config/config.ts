import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { Env } from '@countersign/service'
import { DeskError, systemCode } from '../errors.ts'
import { CONFIG_BYTES_MAX } from '../limits.ts'
import { type Found, readConfigText } from './read-file.ts'
import { misfitsOf } from './misfits.ts'
import {
  type Config,
  FILE_LIST_SETTINGS,
  FILE_SETTINGS,
  PLACE_SETTINGS,
  SETTINGS,
  type SettingPath,
  variableOf,
} from './settings.ts'

export type { Config } from './settings.ts'
const CONFIG_FILE = 'countersign.yaml'
const PLACES: ReadonlySet<string> = PLACE_SETTINGS

/**
 * Reads the configuration: defaults, then `countersign.yaml` of the folder (or COUNTERSIGN_CONFIG), then
 * COUNTERSIGN_* and COUNTERSIGN_*_FILE. Throws `DeskError` CONFIGURATION that names all mistakes at once.
 */
export function readConfig(env: Env, folder: string): Config {
  const named = env.COUNTERSIGN_CONFIG
  const file = resolve(folder, named ?? CONFIG_FILE)
  const mistakes: string[] = []
  let found: ReadonlyMap<string, Found> = new Map()
  if (existsSync(file) || named !== undefined) {
    const read = readConfigText(textOf(file), named ?? CONFIG_FILE)
    found = read.found
    mistakes.push(...read.mistakes)
  }
  const values: Record<string, unknown> = {}
  for (const [path, schema] of Object.entries(SETTINGS)) {
    const given = fromEnv(env, path, mistakes) ?? found.get(path)
    const checked = schema.safeParse(given?.value ?? undefined)
    if (checked.success) values[path] = checked.data
    else mistakes.push(`${given?.at}: ${path} ${checked.error.issues[0]?.message}`)
  }
  for (const path of [...FILE_SETTINGS, ...PLACE_SETTINGS, ...FILE_LIST_SETTINGS]) {
    const value = values[path]
    if (typeof value !== 'string') continue
    const names = FILE_LIST_SETTINGS.has(path) ? value.split(',') : [value]
    const files = names.map((name) => resolve(found.has(path) ? dirname(file) : folder, name))
    values[path] = files.join(',')
    for (const absolute of files)
      if (!PLACES.has(path) && !existsSync(absolute))
        mistakes.push(
          `${found.get(path)?.at ?? variableOf(path)}: ${path}: there is no file ${absolute}`,
        )
  }
  // Whether they fit together can be asked only of values that are good by themselves.
  if (mistakes.length === 0)
    for (const { path, fault } of misfitsOf(values as Config))
      mistakes.push(`${placeOf(path, { env, found })}: ${path} ${fault}`)
  if (mistakes.length > 0) throw new DeskError('CONFIGURATION', render(mistakes))
  return Object.freeze(values) as Config
}

/** Where a setting was said; where it was not, the variable that would say it. */
function placeOf(
  path: SettingPath,
  { env, found }: { env: Env; found: ReadonlyMap<string, Found> },
): string {
  const variable = variableOf(path)
  if (env[variable] !== undefined) return variable
  return found.get(path)?.at ?? variable
}

function render(mistakes: readonly string[]): string {
  const what = mistakes.length === 1 ? 'a mistake' : `${mistakes.length} mistakes`
  return `the configuration has ${what}:\n${mistakes.map((mistake) => `  - ${mistake}`).join('\n')}`
}

function textOf(file: string): string {
  try {
    if (statSync(file).size > CONFIG_BYTES_MAX)
      throw new DeskError('CONFIGURATION', `${file} is larger than ${CONFIG_BYTES_MAX} bytes`)
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (error instanceof DeskError) throw error
    throw new DeskError('CONFIGURATION', `cannot read ${file} (${systemCode(error)})`, {
      cause: error,
    })
  }
}

function fromEnv(env: Env, path: string, mistakes: string[]): Found | undefined {
  const variable = variableOf(path)
  const direct = env[variable]
  if (direct !== undefined) return { value: direct, at: variable }
  const file = env[`${variable}_FILE`]
  // The file settings themselves end in FILE: COUNTERSIGN_POLICY_FILE is `policyFile`, not a file that holds `policy`.
  if (file === undefined || `${variable}_FILE` in VARIABLES) return undefined
  try {
    return { value: readFileSync(file, 'utf8').trim(), at: `${variable}_FILE` }
  } catch (error) {
    mistakes.push(`${variable}_FILE: cannot read ${file} (${systemCode(error)})`)
    return undefined
  }
}

const VARIABLES: Readonly<Record<string, string>> = Object.fromEntries(
  Object.keys(SETTINGS).map((path) => [variableOf(path), path]),
)
