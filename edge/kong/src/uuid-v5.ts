import { createHash } from 'node:crypto'

/** UUID version 5 (RFC 9562, section 5.5): the same namespace and name give the same id. */
export function uuidV5(namespace: string, name: string): string {
  const space = Buffer.from(namespace.replaceAll('-', ''), 'hex')
  const hash = createHash('sha1').update(space).update(name).digest().subarray(0, 16)
  hash[6] = ((hash[6] ?? 0) & 0x0f) | 0x50
  hash[8] = ((hash[8] ?? 0) & 0x3f) | 0x80
  const hex = hash.toString('hex')
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ].join('-')
}

/** The namespace that Kong's declarative configuration makes ids in, so that ours are the same as Kong's. */
const KONG = 'fd02801f-0957-4a15-a55a-c8d9606f30b5'
const spaces = new Map<string, string>()

/** Id of an entity of a collection by its natural key. */
export function stableId(collection: string, key: string): string {
  const space = spaces.get(collection) ?? uuidV5(KONG, collection)
  spaces.set(collection, space)
  return uuidV5(space, key)
}
