import type { Consumer, PluginRequest, PluginTools } from '@countersign/kong'
import { misconfigured } from '../support/refuse.ts'
import type { MtlsConfig } from './mtls-auth.ts'
import type { ProvenClient } from './proof.ts'
import { refuseCertificate } from './refuse.ts'

type Who = Parameters<PluginRequest['authenticated']>[0]

/**
 * Who a proven client is. A workload of the platform is its SPIFFE id, as a group. Others, in Kong's order: a
 * credential for one of its names under one of its CAs; one for the name alone; a consumer by its names; the default
 * consumer. Throws `Refusal`.
 */
export function findConsumer(client: ProvenClient, config: MtlsConfig, tools: PluginTools): Who {
  const { workload, fingerprint } = client
  if (workload !== undefined) return { credentialId: workload, groups: [workload] }
  if (config.skip_consumer_lookup)
    return { credentialId: fingerprint, groups: groupsOf(client, config) }
  const credential = byCredential(client, tools)
  if (credential !== undefined) return credential
  const consumer = byName(client, config, tools) ?? byDefault(config, tools)
  if (consumer !== undefined) return { consumer, credentialId: fingerprint }
  throw refuseCertificate('the certificate stands for no consumer')
}

function groupsOf({ commonName, subject }: ProvenClient, config: MtlsConfig): readonly string[] {
  if (config.authenticated_group_by === 'DN') return [subject]
  return commonName === undefined ? [] : [commonName]
}

function byCredential({ names, authorities }: ProvenClient, tools: PluginTools): Who | undefined {
  const found = names.flatMap((name) => tools.directory.mtlsAuth(name))
  const bound = found.find(({ credential: { ca_certificate: ca } }) =>
    ca === null ? false : authorities.includes(ca.id),
  )
  const best = bound ?? found.find(({ credential }) => credential.ca_certificate === null)
  return best && { consumer: best.consumer, credentialId: best.credential.id }
}

function byName(
  { names }: ProvenClient,
  { consumer_by }: MtlsConfig,
  { directory }: PluginTools,
): Consumer | undefined {
  for (const name of names) {
    const named = consumer_by.includes('username') ? directory.consumer(name) : undefined
    // `consumer` also knows ids, which no certificate should be a name of.
    if (named?.username === name) return named
    const custom = consumer_by.includes('custom_id')
      ? directory.consumerByCustomId(name)
      : undefined
    if (custom !== undefined) return custom
  }
  return undefined
}

function byDefault({ default_consumer }: MtlsConfig, tools: PluginTools): Consumer | undefined {
  if (default_consumer === null) return undefined
  const consumer = tools.directory.consumer(default_consumer)
  if (consumer === undefined)
    throw misconfigured(
      'mtls-auth: the default consumer does not exist',
      'create the consumer that `default_consumer` names, or take the setting away',
    )
  return consumer
}
