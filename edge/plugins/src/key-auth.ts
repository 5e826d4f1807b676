import type { Plugin, PluginRequest, PluginTools } from '@countersign/kong'
import { createFailureBudget, type FailureBudget, Refusal } from '@countersign/layers'
import { z } from 'zod'
import { field, headerName } from './schema.ts'
import { accessBy } from './support/anonymous.ts'
import { optionalText, realm } from './support/config.ts'
import { type BodyKeys, readBodyKeys } from './support/body-keys.ts'
import { valuesOf, withoutParameters } from './support/parameters.ts'
import { challenge } from './support/refuse.ts'

/*
 * Consumers by a key that they send (https://developer.konghq.com/plugins/key-auth/):
 *
 * - looked for under each name in turn: header, query, body, as far as the configuration says so
 * - one key: the same name twice in one place is refused
 * - compared in constant time by the directory, which does not know keys past their `ttl`
 * - failures of one address are budgeted
 */

const schema = z.strictObject({
  key_names: field(z.array(headerName).min(1).max(16), ['apikey']),
  hide_credentials: field(z.boolean(), false),
  anonymous: optionalText,
  key_in_header: field(z.boolean(), true),
  key_in_query: field(z.boolean(), true),
  key_in_body: field(z.boolean(), false),
  run_on_preflight: field(z.boolean(), true),
  realm,
})
type Config = z.output<typeof schema>

export const keyAuth: Plugin<Config> = {
  name: 'key-auth',
  priority: 1250,
  schema,
  authenticates: true,
  scopes: ['global', 'service', 'route'],
  safer: [
    {
      field: 'run_on_preflight',
      kong: 'false lets every OPTIONS request pass without a key',
      here: 'false lets only preflight requests of CORS pass',
      why: 'another OPTIONS request may have an effect',
    },
  ],
  create(config, { tools }) {
    const budget = tools.shared('key-auth failures', () =>
      createFailureBudget({ now: () => tools.now() }),
    )
    const authenticate = createAuthentication(config, tools, budget)
    return {
      access: accessBy(config, tools, (asked) => {
        if (!config.key_in_body) return void authenticate(asked, undefined)
        return readBodyKeys(asked).then((body) => authenticate(asked, body))
      }),
    }
  },
}

type Body = BodyKeys | undefined

function createAuthentication(config: Config, tools: PluginTools, budget: FailureBudget) {
  const wanted = challenge('Key', config.realm)
  return (asked: PluginRequest, body: Body): void => {
    const key = findKey(asked, config, body)
    if (key === 'twice') throw refuse('Duplicate API key found', 'more than one key', wanted)
    if (key === undefined || key === '')
      throw new Refusal('CREDENTIAL_MISSING', {
        message: 'No API key found in request',
        rule: 'key-auth: no key was sent',
        remedy: `send the key of a consumer as ${config.key_names.join(' or ')}`,
        headers: { 'www-authenticate': wanted },
      })
    budget.admit(asked.client.address)
    const found = tools.directory.keyAuth(key)
    if (found === undefined) {
      budget.fail(asked.client.address)
      throw refuse('Unauthorized', 'the key is not known, or its time is over', wanted)
    }
    if (config.hide_credentials) hide(asked, config, body)
    const { consumer, credential } = found
    // What a plugin before has proven stays: both have to hold.
    const { person, groups } = asked
    asked.authenticated({ person, consumer, credentialId: credential.id, groups })
  }
}

const refuse = (message: string, rule: string, wanted: string): Refusal =>
  new Refusal('CREDENTIAL_INVALID', {
    ...{ message, rule: `key-auth: ${rule}`, remedy: 'send one key that is valid' },
    headers: { 'www-authenticate': wanted },
  })

function findKey(asked: PluginRequest, config: Config, body: Body): string | 'twice' | undefined {
  for (const name of config.key_names) {
    const found = config.key_in_header ? asked.all(name.toLowerCase()) : NONE
    const queried = found.length === 0 && config.key_in_query ? valuesOf(asked.query, name) : found
    const values = queried.length === 0 ? (body?.valuesOf(name) ?? NONE) : queried
    if (values.length > 1) return 'twice'
    if (values[0] !== undefined) return values[0]
  }
  return undefined
}
const NONE: readonly string[] = []

/** Every place where a key may stand is cleared: a service has no use for what it may not see. */
function hide(asked: PluginRequest, config: Config, body: Body): void {
  const { upstream } = asked
  for (const name of config.key_names) upstream.headers.remove(name.toLowerCase())
  upstream.query = withoutParameters(upstream.query, config.key_names)
  if (body !== undefined && config.key_names.some((name) => body.valuesOf(name).length > 0))
    upstream.body = body.without(config.key_names)
}
