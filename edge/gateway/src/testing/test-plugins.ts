import type { Plugin, PluginInstance, PluginRecord } from '@countersign/kong'
import { Refusal } from '@countersign/layers'
import { z } from 'zod'

/* Plugins that a test can put on a route, and see what they were asked. */

const told = z.strictObject({ say: z.string().default('hello') })
type Say = z.infer<typeof told>

/** What the plugins of one gateway have seen. */
export class Seen {
  readonly order: string[] = []
  readonly records: PluginRecord[] = []
  readonly closed: string[] = []
}

/** A plugin that notes its name when it is asked, and does what `make` says besides. */
export function testPlugin(
  seen: Seen,
  name: string,
  priority: number,
  make: (config: Say) => Omit<PluginInstance, 'close'> = () => ({}),
  more: Partial<Plugin> = {},
): Plugin<Say> {
  return {
    ...{ name, priority, schema: told },
    ...more,
    create(config) {
      const made = make(config)
      return {
        ...made,
        access(asked) {
          seen.order.push(`${name} ${config.say}`)
          return made.access?.(asked)
        },
        close: () => void seen.closed.push(`${name} ${config.say}`),
      }
    },
  }
}

/** Proves who asks by a header `x-key`, as `key-auth` would. */
export const keyPlugin = (seen: Seen): Plugin<Say> => ({
  ...testPlugin(seen, 'test-key', 1250),
  authenticates: true,
  create: (_config, { tools }) => ({
    access(asked) {
      const found = tools.directory.keyAuth(asked.header('x-key') ?? '')
      if (found === undefined)
        throw new Refusal('TOKEN_MISSING', {
          message: 'No API key found in request',
          rule: 'no key',
        })
      const { credential, consumer } = found
      asked.authenticated({ consumer, credentialId: credential.id })
      asked.tellGroups?.(tools.directory.groups(consumer.id).map(({ group }) => group))
    },
  }),
})
