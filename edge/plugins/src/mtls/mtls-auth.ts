import type { Plugin, PluginRequest, PluginTools } from '@countersign/kong'
import { createFailureBudget, Refusal } from '@countersign/layers'
import { z } from 'zod'
import { LIST_ENTRIES_MAX } from '../limits.ts'
import { field, optional } from '../schema.ts'
import { accessBy } from '../support/anonymous.ts'
import { only, optionalText, text } from '../support/config.ts'
import { createProof } from './proof.ts'
import { findConsumer } from './find-consumer.ts'

/*
 * Who asks, by a certificate (https://developer.konghq.com/plugins/mtls-auth/):
 *
 * 1. the chain that the client has shown, up to one of `ca_certificates`      proof.ts
 * 2. what was taken back: by the platform for its own, by OCSP or list of the CA for others   revocation.ts
 * 3. a workload of the platform is a group, by its SPIFFE id, and no consumer
 * 4. others are a consumer, or with `skip_consumer_lookup` a group             find-consumer.ts
 */

const CONSUMER_BY = z.array(z.enum(['username', 'custom_id']))
const schema = z.strictObject({
  ca_certificates: z.array(text).min(1).max(LIST_ENTRIES_MAX),
  allow_partial_chain: field(z.boolean(), false),
  anonymous: optionalText,
  authenticated_group_by: field(z.enum(['CN', 'DN']), 'CN'),
  cache_ttl: field(z.number().min(0), 60),
  cert_cache_ttl: field(z.number().min(0), 60_000),
  consumer_by: field(CONSUMER_BY, ['username', 'custom_id']),
  default_consumer: optionalText,
  http_timeout: field(z.number().min(1).max(60_000), 30_000),
  revocation_check_mode: field(z.enum(['SKIP', 'IGNORE_CA_ERROR', 'STRICT']), 'IGNORE_CA_ERROR'),
  skip_consumer_lookup: field(z.boolean(), false),
  send_ca_dn: only(false, 'the door asks for certificates before it knows the route'),
  ssl_verify: only(true, 'certificates are always verified'),
  http_proxy_host: optional(z.never('lists and responders are asked without a proxy')),
  http_proxy_port: optional(z.never('lists and responders are asked without a proxy')),
  https_proxy_host: optional(z.never('lists and responders are asked without a proxy')),
  https_proxy_port: optional(z.never('lists and responders are asked without a proxy')),
  san_dirname_matcher: field(z.array(z.never('directory names are not looked at')), []),
})
export type MtlsConfig = z.output<typeof schema>

export const mtlsAuth: Plugin<MtlsConfig> = {
  name: 'mtls-auth',
  priority: 1600,
  schema,
  authenticates: true,
  scopes: ['global', 'service', 'route'],
  safer: [
    {
      field: 'revocation_check_mode',
      kong: 'SKIP believes every certificate until it ends',
      here: "what the platform's own authorities took back is refused in every mode",
      why: 'it is known here within a second, and costs nothing',
    },
    {
      field: 'cert_cache_ttl',
      kong: 'milliseconds by its page, seconds by its deeds',
      here: 'milliseconds, and never past the time that the CA names',
      why: 'a certificate that was taken back is refused sooner',
    },
    {
      field: 'ca_certificates',
      kong: 'whatever OpenSSL believes',
      here: 'also by RFC 5280 in our own reading: no SHA-1, no weak keys, CAs that say they are',
      why: 'two readers see what one overlooks',
    },
  ],
  create(config, { tools }) {
    const manner = { anonymous: config.anonymous, run_on_preflight: true }
    return { access: accessBy(manner, tools, createAuthentication(config, tools)) }
  },
}

function createAuthentication(config: MtlsConfig, tools: PluginTools) {
  const budget = tools.shared('mtls-auth failures', () =>
    createFailureBudget({ now: () => tools.now() }),
  )
  const proof = createProof(config, tools)
  const failed = (asked: PluginRequest, error: unknown): never => {
    if (error instanceof Refusal && error.status === 401) budget.fail(asked.client.address)
    throw error
  }
  return (asked: PluginRequest): Promise<void> | undefined => {
    const shown = asked.client.certificates()
    if (shown.length === 0) throw missing()
    const known = proof.recall(shown)
    if (known === undefined) budget.admit(asked.client.address)
    try {
      const proven = known ?? proof.prove(shown)
      const waits = proof.checkRevocation(proven)
      const state = (): void =>
        asked.authenticated({ person: asked.person, ...findConsumer(proven, config, tools) })
      if (waits === undefined) return void state()
      return waits.then(state).catch((error: unknown) => failed(asked, error))
    } catch (error) {
      return failed(asked, error)
    }
  }
}

const missing = (): Refusal =>
  new Refusal('CREDENTIAL_MISSING', {
    message: 'No required TLS certificate was sent',
    rule: 'mtls-auth: the client has shown no certificate',
    remedy: 'connect with a certificate of one of the CAs of the plugin',
  })
