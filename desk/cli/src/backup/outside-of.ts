import { type Config, readConfig } from '../config/config.ts'
import type { Desk } from '../desk.ts'
import { masterKeyEnv } from '../home/master-key.ts'

const DATABASES = ['identity', 'users', 'orders', 'payments'] as const

/** What belongs to the platform and is not in its state folder, so that somebody else has to keep it. For people. */
export function outsideOf(desk: Desk): readonly string[] {
  let config: Config
  try {
    config = readConfig(desk.env, desk.folder)
  } catch {
    return ['what the configuration names: it has mistakes, see countersign doctor']
  }
  const databases = DATABASES.filter((name) => config[`databases.${name}`] !== undefined).map(
    (name) => `databases.${name}, which is at a server of your own`,
  )
  return [...databases, ...masterKeyOf(desk, config)]
}

/** What it takes to open the master key, where that is elsewhere. */
function masterKeyOf(desk: Desk, config: Config): readonly string[] {
  const env = masterKeyEnv(config, desk)
  const paths = Object.entries(env)
    .filter(([name, path]) => name.endsWith('_FILE') && !isInside(desk, path ?? ''))
    .map(([name, path]) => `${path} (${name})`)
  return config.kms === 'pkcs11' ? [...paths, `the token ${config.kmsToken}`] : paths
}

function isInside({ layout }: Desk, path: string): boolean {
  return path.startsWith(`${layout.root}/`)
}
