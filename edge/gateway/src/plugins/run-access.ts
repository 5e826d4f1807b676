import { messageOf } from '@countersign/ground/errors'
import { Refusal } from '@countersign/layers'
import { ClientGone } from '../forward/body-refusals.ts'
import { type Bound, type BoundSlot, pick, type Stage } from './bound-chain.ts'
import type { PluginExchange } from './plugin-exchange.ts'

/*
 * Asks the plugins of one stage, one after the other, until one refuses or answers. Nothing is waited for that need not be.
 * What a plugin throws that is no refusal is a fault of the plugin: the request ends with 500, it never goes on.
 */
export function runAccess(asked: PluginExchange, stage: Stage): void | Promise<void> {
  const slots = asked.chain[stage]
  for (let i = 0; i < slots.length && asked.answered === undefined; i++) {
    const waiting = ask(asked, slots[i])
    if (waiting !== undefined) return goOn(asked, slots, { waiting, next: i + 1 })
  }
}

async function goOn(
  asked: PluginExchange,
  slots: readonly BoundSlot[],
  from: { readonly waiting: Promise<void>; readonly next: number },
): Promise<void> {
  await from.waiting
  for (let i = from.next; i < slots.length && asked.answered === undefined; i++)
    await ask(asked, slots[i])
}

function ask(asked: PluginExchange, slot: BoundSlot | undefined): Promise<void> | undefined {
  const bound = slot === undefined ? undefined : pick(slot, asked.consumer?.id)
  if (bound?.instance.access === undefined) return undefined
  const before = isKnown(asked)
  try {
    const waiting = bound.instance.access(asked)
    if (!(waiting instanceof Promise)) return void note(asked, bound, before)
    return waiting.then(
      () => note(asked, bound, before),
      (error: unknown) => {
        throw blamed(error, asked, bound)
      },
    )
  } catch (error) {
    throw blamed(error, asked, bound)
  }
}

const isKnown = (asked: PluginExchange): boolean =>
  asked.consumer !== undefined || asked.credentialId !== undefined || asked.anonymous

/** For records: who has answered, or has proven who asks. */
function note(asked: PluginExchange, bound: Bound, before: boolean): void {
  if (asked.answered !== undefined) asked.decidedBy = `${nameOf(bound)} has answered`
  else if (!before && isKnown(asked)) {
    const { consumer, anonymous } = asked
    const who = consumer === undefined ? 'a person' : `consumer ${consumer.username ?? consumer.id}`
    asked.decidedBy = `${nameOf(bound)}: ${anonymous ? 'nobody, as ' : ''}${who}`
  }
}

const nameOf = ({ name, entity }: Bound): string => `plugin ${name} (${entity})`

/** The refusal with the plugin's name in its rule; what is no refusal becomes one. */
function blamed(error: unknown, asked: PluginExchange, bound: Bound): unknown {
  if (error instanceof ClientGone) return error
  const at = `${nameOf(bound)} on ${asked.place}`
  if (error instanceof Refusal) {
    const rule = error.facts.rule === undefined ? at : `${at}: ${error.facts.rule}`
    return new Refusal(error.code, { ...error.facts, rule })
  }
  const rule = `${at} has failed: ${messageOf(error)}`
  return new Refusal('INTERNAL', { rule, remedy: 'see the log of the gateway', cause: error })
}
