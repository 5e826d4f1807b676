import { isReservedName } from '@countersign/contract'
import { NODE_FLAGS as BALANCING } from '@countersign/balancer/node-flags'
import { NODE_FLAGS as GATEWAY } from '@countersign/gateway/node-flags'
import type { Config } from '../config/config.ts'

/* Which processes a platform has, and in which order they stop. */
type Needs = 'master key'
export interface Part {
  readonly instance: string
  readonly name: string
  readonly module: string
  readonly needs?: readonly Needs[]
  readonly nodeFlags?: readonly string[]
}
/** Of those that handle little at a time: a small young generation saves some 25 MB and costs nothing that shows. */
const QUIET: readonly string[] = ['--max-semi-space-size=4']

// biome-ignore format: a table
const OTHERS: readonly Part[] = [
  { instance: 'registry-1',  name: 'registry',  module: '@countersign/registry', nodeFlags: QUIET },
  { instance: 'audit-1',     name: 'audit',     module: '@countersign/audit', needs: ['master key'] },
  { instance: 'control-1',   name: 'control',   module: '@countersign/control', needs: ['master key'], nodeFlags: QUIET },
  { instance: 'identity-1',  name: 'identity',  module: '@countersign/identity', needs: ['master key'], nodeFlags: QUIET },
  { instance: 'user-1',      name: 'user',      module: '@countersign/user', nodeFlags: QUIET },
  { instance: 'order-1',     name: 'order',     module: '@countersign/order' },
  { instance: 'payment-1',   name: 'payment',   module: '@countersign/payment', needs: ['master key'] },
]
const BALANCER: Part = {
  ...{ instance: 'balancer-1', name: 'balancer', module: '@countersign/balancer' },
  nodeFlags: BALANCING,
}

/** Of which parts there are as many as are configured. */
export type Numbers = Pick<Config, 'authorities' | 'gateways'>

/** All processes of a platform: as many authorities and gateways as are configured, and the others. */
export function partsOf({ authorities, gateways }: Numbers): readonly Part[] {
  return [
    ...several('authority', { count: authorities, nodeFlags: QUIET }),
    ...OTHERS,
    ...several('gateway', { count: gateways, nodeFlags: GATEWAY }),
    BALANCER,
  ]
}
/** Instances of the authorities, in order. */
export function authoritiesOf({ authorities }: Pick<Config, 'authorities'>): readonly string[] {
  return instancesOf('authority', authorities)
}
function several(
  name: 'authority' | 'gateway',
  { count, nodeFlags }: { count: number; nodeFlags: readonly string[] },
): readonly Part[] {
  const module = `@countersign/${name}`
  return instancesOf(name, count).map((instance): Part => {
    return { instance, name, module, needs: ['master key'], nodeFlags }
  })
}
function instancesOf(name: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, i) => `${name}-${i + 1}`)
}

/** Groups that stop one after the other: who is called stops after who calls, and the log takes its last events late. */
export const STOP_ORDER: readonly (readonly string[])[] = [
  ['balancer'],
  ['gateway'],
  ['order', 'payment', 'user', 'control'],
  ['identity'],
  ['authority'],
  ['registry'],
  ['audit'],
]

const OWN_NAMES: ReadonlySet<string> = new Set(
  partsOf({ authorities: 1, gateways: 1 }).map(({ name }) => name),
)
/** Names that no service of a user can have. */
export function isOwnName(name: string): boolean {
  return isReservedName(name) || OWN_NAMES.has(name)
}
