import type { Id, Plugin, PluginInstance } from '@countersign/kong'
import type { Chain, PlannedPlugin } from '../domain/operator/plugin-chain.ts'

/** An instance, and which entity it is. */
export interface Bound {
  readonly instance: PluginInstance
  readonly plugin: Plugin
  readonly name: string
  readonly entity: Id
}
/** One plugin of a chain with its instances. */
export interface BoundSlot {
  readonly common: Bound | undefined
  readonly byConsumer: ReadonlyMap<Id, Bound> | undefined
}

/*
 * A chain with its instances. The gateway's own hinges stand at the places that Kong's plugins of the same kind have: who asks
 * at that of jwt, how much at that of rate-limiting, and whether they may directly after it. So a plugin that answers in
 * place of the service (a cache, say) does so only for those who may.
 */
export interface BoundChain {
  /** Asked before the gateway looks at who asks. */
  readonly early: readonly BoundSlot[]
  /** Between who and how much. */
  readonly middle: readonly BoundSlot[]
  /** After whether. */
  readonly late: readonly BoundSlot[]
  /** Those that look at the head of an answer, at its body, and at what has become of the request. */
  readonly head: readonly BoundSlot[]
  readonly body: readonly BoundSlot[]
  readonly tap: readonly BoundSlot[]
  readonly log: readonly BoundSlot[]
}
export type Stage = 'early' | 'middle' | 'late'

/** Priorities of jwt and rate-limiting in Kong. */
const WHO_ASKS = 1450
const HOW_MUCH = 910

/** Joins a planned chain with the instances, which are in the order of the planned plugins. */
export function bindChain(
  chain: Chain,
  planned: readonly PlannedPlugin[],
  instances: readonly PluginInstance[],
): BoundChain {
  const boundAt = (at: number | undefined): Bound | undefined => {
    const instance = at === undefined ? undefined : instances[at]
    const plan = at === undefined ? undefined : planned[at]
    if (instance === undefined || plan === undefined) return undefined
    const { entity, plugin } = plan
    return { instance, plugin, name: entity.name, entity: entity.id }
  }
  const slots = chain.map(({ priority, common, byConsumer }) => {
    const theirs = new Map<Id, Bound>()
    for (const [consumer, at] of byConsumer ?? []) {
      const bound = boundAt(at)
      if (bound !== undefined) theirs.set(consumer, bound)
    }
    const slot = { common: boundAt(common), byConsumer: theirs.size === 0 ? undefined : theirs }
    return { priority, slot }
  })
  const having = (
    phase: 'access' | 'head' | 'body' | 'tap' | 'log',
    where: (priority: number) => boolean = () => true,
  ): readonly BoundSlot[] =>
    slots
      .filter(
        ({ priority, slot }) => where(priority) && boundsOf(slot).some((b) => b.instance[phase]),
      )
      .map(({ slot }) => slot)
  return {
    early: having('access', (priority) => priority > WHO_ASKS),
    middle: having('access', (priority) => priority <= WHO_ASKS && priority >= HOW_MUCH),
    late: having('access', (priority) => priority < HOW_MUCH),
    head: having('head'),
    body: having('body'),
    tap: having('tap'),
    log: having('log'),
  }
}

export const boundsOf = ({ common, byConsumer }: BoundSlot): readonly Bound[] => [
  ...(common === undefined ? [] : [common]),
  ...(byConsumer?.values() ?? []),
]

/** The instance of a slot for a request: the consumer's own, where it has one. */
export function pick(
  { common, byConsumer }: BoundSlot,
  consumer: Id | undefined,
): Bound | undefined {
  if (byConsumer === undefined || consumer === undefined) return common
  return byConsumer.get(consumer) ?? common
}
