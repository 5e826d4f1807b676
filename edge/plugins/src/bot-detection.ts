import type { Plugin } from '@countersign/kong'
import { Refusal } from '@countersign/layers'
import { z } from 'zod'
import {
  CACHED_TEXT_CHARS_MAX,
  CACHED_TEXTS_MAX,
  LIST_ENTRIES_MAX,
  USER_AGENT_CHARS_MAX,
} from './limits.ts'
import { field } from './schema.ts'
import { BoundedCache } from './support/bounded-cache.ts'
import { isEmpty } from './support/config.ts'
import { isRegex, linearRegex } from './support/linear-regex.ts'
import { forbidden } from './support/refuse.ts'

/*
 * Turns away programs that say they are programs (https://developer.konghq.com/plugins/bot-detection/): by `allow`,
 * then `deny`, then a list of common ones. It stops the honest; who lies in a User-Agent is not its matter.
 */

const pattern = z
  .string()
  .max(512)
  .refine(isRegex, { error: ({ input }) => `not a valid regex: ${String(input)}` })
const patterns = field(z.array(pattern).max(LIST_ENTRIES_MAX), [])
const schema = z
  .strictObject({
    allow: patterns,
    deny: patterns,
    /** Deprecated names. */
    whitelist: patterns,
    blacklist: patterns,
  })
  .transform(({ whitelist, blacklist, allow, deny }) => ({
    allow: isEmpty(allow) ? whitelist : allow,
    deny: isEmpty(deny) ? blacklist : deny,
  }))
type Config = z.output<typeof schema>

/** Words by which crawlers, fetchers of previews and libraries name themselves. */
const COMMON = linearRegex(
  [
    'bot\\b|bots?[/ _-]|spider|crawl|scrap(?:er|y|ing)|slurp|archiver|indexer|fetcher\\b',
    'facebookexternalhit|mediapartners-google|bingpreview|ia_archiver|feedburner|heritrix|nutch',
    'python-urllib|python-requests|apache-httpclient|google-http-java-client|libwww-perl|winhttp',
    'httrack|webzip|nikto|sqlmap|masscan|zgrab|whatweb|headlesschrome|phantomjs|pingdom',
  ].join('|'),
  { ignoreCase: true },
)

export const botDetection: Plugin<Config> = {
  name: 'bot-detection',
  priority: 2500,
  schema,
  scopes: ['global', 'service', 'route'],
  create(config) {
    const isBot = createBotCheck(config)
    return {
      access(asked) {
        const agents = asked.all('user-agent')
        const agent = agents[0]
        if (agent === undefined) return
        if (agents.length > 1) throw twoAgents()
        if (isBot(agent))
          throw forbidden(
            'Forbidden',
            'bot-detection: the User-Agent is one of a bot',
            'send another User-Agent, or have the operator allow this one',
          )
      },
    }
  },
}

function createBotCheck({ allow, deny }: Config): (agent: string) => boolean {
  const allowed = allow.map((one) => linearRegex(one))
  const denied = deny.map((one) => linearRegex(one))
  const known = new BoundedCache<{ readonly bot: boolean }>(CACHED_TEXTS_MAX)
  const decide = (agent: string): boolean => {
    if (allowed.some((regex) => regex.finds(agent))) return false
    if (denied.some((regex) => regex.finds(agent))) return true
    // CUBOT makes telephones.
    return COMMON.finds(agent.replaceAll(/cubot/gi, ''))
  }
  return (whole) => {
    const agent = whole.slice(0, USER_AGENT_CHARS_MAX)
    const before = known.get(agent)
    if (before !== undefined) return before.bot
    const bot = decide(agent)
    if (agent.length <= CACHED_TEXT_CHARS_MAX) known.set(agent, { bot })
    return bot
  }
}

const twoAgents = (): Refusal =>
  new Refusal('REQUEST_INVALID', {
    ...{ detail: 'Send one User-Agent header.', message: 'Only one User-Agent header allowed' },
    ...{ rule: 'bot-detection: more than one User-Agent', remedy: 'send one User-Agent header' },
  })
