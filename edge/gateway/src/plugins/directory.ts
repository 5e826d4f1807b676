import { createHash, timingSafeEqual } from 'node:crypto'
import type { Consumer, Directory, Id, KongConfig } from '@countersign/kong'

/**
 * The consumers of one configuration and what they prove themselves with. Keys are found by their hash and then compared in
 * constant time: how long a look-up takes tells nothing of a key. Keys that have run out are not there.
 */
export function createDirectory(config: KongConfig, now: () => number): Directory {
  const consumers = new Map(config.consumers.map((each) => [each.id, each]))
  const byName = byField(config.consumers, ({ username }) => username)
  const byCustomId = byField(config.consumers, ({ custom_id }) => custom_id)
  const jwtSecrets = new Map(config.jwt_secrets.map((each) => [each.key, each]))
  const keys = new Map(config.keyauth_credentials.map((each) => [hashOf(each.key), each]))
  const subjects = groupBy(config.mtls_auth_credentials, ({ subject_name }) => subject_name)
  const groups = groupBy(config.acls, ({ consumer }) => consumer.id)
  const authorities = new Map(config.ca_certificates.map((each) => [each.id, each]))
  for (const each of config.ca_certificates)
    for (const tag of each.tags ?? []) if (!authorities.has(tag)) authorities.set(tag, each)
  const withConsumer = <C extends { readonly consumer: { readonly id: Id } }>(
    credential: C,
  ): { readonly credential: C; readonly consumer: Consumer } | undefined => {
    const consumer = consumers.get(credential.consumer.id)
    return consumer === undefined ? undefined : { credential, consumer }
  }
  return {
    consumer: (idOrName) => consumers.get(idOrName) ?? byName.get(idOrName),
    consumerByCustomId: (customId) => byCustomId.get(customId),
    jwtSecret: (key) => {
      const found = jwtSecrets.get(key)
      return found === undefined ? undefined : withConsumer(found)
    },
    keyAuth: (key) => {
      const found = keys.get(hashOf(key))
      if (found === undefined || !isSame(found.key, key)) return undefined
      const { ttl, created_at } = found
      if (ttl !== null && ttl > 0 && !(now() < (created_at + ttl) * 1000)) return undefined
      return withConsumer(found)
    },
    mtlsAuth: (subject) =>
      (subjects.get(subject) ?? []).flatMap((each) => withConsumer(each) ?? []),
    groups: (consumer) => groups.get(consumer) ?? [],
    caCertificate: (idOrTag) => authorities.get(idOrTag),
  }
}

const hashOf = (key: string): string => createHash('sha256').update(key).digest('base64')

function isSame(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)]
  return left.length === right.length && timingSafeEqual(left, right)
}

function byField<T>(list: readonly T[], field: (each: T) => string | null): Map<string, T> {
  const found = new Map<string, T>()
  for (const each of list) {
    const key = field(each)
    if (key !== null) found.set(key, each)
  }
  return found
}

function groupBy<T>(list: readonly T[], key: (each: T) => string): Map<string, T[]> {
  const found = new Map<string, T[]>()
  for (const each of list) {
    const known = found.get(key(each))
    if (known === undefined) found.set(key(each), [each])
    else known.push(each)
  }
  return found
}
