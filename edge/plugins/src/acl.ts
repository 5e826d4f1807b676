import type { Plugin, PluginRequest, PluginTools } from '@countersign/kong'
import { Refusal } from '@countersign/layers'
import { z } from 'zod'
import { field } from './schema.ts'
import { isProven } from './support/anonymous.ts'
import { firstSet, isEmpty, only, optionalList } from './support/config.ts'
import { forbidden } from './support/refuse.ts'

/*
 * Which groups may pass (https://developer.konghq.com/plugins/acl/): groups of a consumer, roles of a person of our own
 * provider, groups that another plugin has found in a token or certificate.
 */

const schema = z
  .strictObject({
    allow: optionalList,
    deny: optionalList,
    hide_groups_header: field(z.boolean(), false),
    include_consumer_groups: only(false, 'there are no consumer groups here'),
    always_use_authenticated_groups: field(z.boolean(), false),
    /** Deprecated names. */
    whitelist: optionalList,
    blacklist: optionalList,
  })
  .transform(({ whitelist, blacklist, ...config }) => ({
    ...config,
    allow: firstSet(config.allow, whitelist),
    deny: firstSet(config.deny, blacklist),
  }))
  .superRefine(({ allow, deny }, context) => {
    if (isEmpty(allow) !== isEmpty(deny)) return
    const which = isEmpty(allow) ? 'at least one of' : 'only one of'
    const message = `${which} these fields must be non-empty: 'config.allow', 'config.deny'`
    context.addIssue({ code: 'custom', message })
  })
type Config = z.output<typeof schema>

export const acl: Plugin<Config> = {
  name: 'acl',
  priority: 950,
  schema,
  scopes: ['global', 'service', 'route'],
  create(config, { tools }) {
    const isDenied = !isEmpty(config.deny)
    const listed: ReadonlySet<string> = new Set(isDenied ? config.deny : config.allow)
    return {
      access(asked) {
        const groups = groupsOf(asked, config, tools)
        if (groups.some((group) => listed.has(group)) === isDenied) throw refuse(asked, isDenied)
        if (!config.hide_groups_header) asked.tellGroups?.(groups)
      },
    }
  },
}

/** Who asks is known before: this plugin looks only at what others have proven. */
function groupsOf(asked: PluginRequest, config: Config, tools: PluginTools): readonly string[] {
  const { consumer, groups, person } = asked
  if (!isProven(asked) && !asked.anonymous)
    throw new Refusal('CREDENTIAL_MISSING', {
      message: 'Unauthorized',
      rule: 'acl: nobody has proven who asks',
      remedy: 'put a plugin that authenticates on this route: jwt, key-auth, mtls-auth',
    })
  const own = person === undefined ? groups : [...groups, ...person.roles]
  const alone = consumer === undefined || config.always_use_authenticated_groups
  const all = alone
    ? own
    : [...own, ...tools.directory.groups(consumer.id).map(({ group }) => group)]
  return [...new Set(all)]
}

const refuse = (asked: PluginRequest, isDenied: boolean): Refusal =>
  forbidden(
    'You cannot consume this service',
    isDenied ? 'acl: one of the groups is denied' : 'acl: none of the groups is allowed',
    asked.person === undefined
      ? 'give the consumer a group that the plugin lists'
      : 'give the person a role that the plugin lists',
  )
