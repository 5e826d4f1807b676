import type { Config, SettingPath } from './settings.ts'

/** A setting that is good by itself and does not go together with another one. */
interface Misfit {
  readonly path: SettingPath
  readonly fault: string
}

/** What of a configuration does not go together. */
export function misfitsOf(config: Config): readonly Misfit[] {
  const misfits: Misfit[] = []
  const lives = ['leafTtl', 'intermediateTtl', 'rootTtl'] as const
  for (const [i, name] of lives.slice(1).entries()) {
    const below = `certificates.${lives[i] ?? 'leafTtl'}` as const
    const path = `certificates.${name}` as const
    if (config[path] < config[below])
      misfits.push({ path, fault: `is shorter than ${below}: nothing outlives its issuer` })
  }
  const ports = config['certificates.outside.ports']?.split(',')
  if (ports !== undefined && new Set(ports).size !== config.authorities)
    misfits.push({
      path: 'certificates.outside.ports',
      fault: `must name one port for each of the ${config.authorities} authorities`,
    })
  return [...misfits, ...masterMisfits(config), ...kubernetesMisfits(config)]
}

/** What each key service has to be told. */
const KMS_NEEDS = {
  local: ['kmsLocalKeyFile'],
  pkcs11: ['kmsModule', 'kmsToken', 'kmsKeyId', 'kmsPinFile'],
} as const

function masterMisfits(config: Config): readonly Misfit[] {
  const { kms } = config
  const misfits: Misfit[] = []
  const places = (['masterKeyFile', 'masterPassphraseFile', 'kms'] as const).filter(
    (path) => config[path] !== undefined,
  )
  const [first, second] = places
  if (first !== undefined && second !== undefined)
    misfits.push({
      path: first,
      fault: `and ${second} both say where the master key is; one of them is right`,
    })
  for (const [name, needs] of Object.entries(KMS_NEEDS))
    for (const path of needs) {
      if (name === kms && config[path] === undefined)
        misfits.push({ path, fault: `is missing; kms: ${kms} needs it` })
      if (name !== kms && config[path] !== undefined)
        misfits.push({ path, fault: `has a meaning with kms: ${name} only` })
    }
  return misfits
}

/** A cluster is known by its issuer, its keys and the accounts that may join: all of them, or none. */
function kubernetesMisfits(config: Config): readonly Misfit[] {
  const url = config['kubernetes.jwksUrl']
  const file = config['kubernetes.jwksFile']
  if (url !== undefined && file !== undefined)
    return [
      { path: 'kubernetes.jwksUrl', fault: 'and kubernetes.jwksFile both say where the keys are' },
    ]
  const needs = {
    'kubernetes.issuer': config['kubernetes.issuer'],
    'kubernetes.jwksUrl': url ?? file,
    'kubernetes.accountsFile': config['kubernetes.accountsFile'],
  } as const
  const missing = Object.entries(needs).filter(([, value]) => value === undefined)
  if (missing.length === 0 || missing.length === Object.keys(needs).length) return []
  return missing.map(([path]) => ({
    path: path as keyof typeof needs,
    fault: 'is missing; issuer, keys and accounts of a cluster go together',
  }))
}
