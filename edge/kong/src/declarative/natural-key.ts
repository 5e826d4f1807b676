import { createHash } from 'node:crypto'
import { refId } from '../collections.ts'
import type { Collection } from '../entities.ts'
import { stableText } from '../input/safe-json.ts'
import { normalTarget } from '../schemas/upstream.ts'
import { readCertificates } from '../schemas/certificate.ts'
import type { Input } from '../state/build-entity.ts'

/*
 * What tells an entity apart by nature, so that the same text gives the same ids: Kong's rule where Kong has one (a name;
 * name and places of a plugin; a target below its upstream), and what an entity matches where it has no name.
 *
 * No secret goes into it: an id is seen by everybody, and could be tried.
 */
export function naturalKey(collection: Collection, fields: Input): string {
  const text = (field: string): string => (typeof fields[field] === 'string' ? fields[field] : '')
  const of = (field: string): string => refId(fields, field) ?? ''
  switch (collection) {
    case 'consumers':
      return text('username') === '' ? `custom:${text('custom_id')}` : text('username')
    case 'routes':
      return text('name') === '' ? `${of('service')}:${matchersOf(fields)}` : text('name')
    case 'plugins':
      return [
        'plugins',
        text('name'),
        of('route'),
        of('service'),
        of('consumer'),
        text('instance_name'),
      ].join(':')
    case 'targets':
      return `${normalTarget(text('target')) ?? text('target')}:${of('upstream')}`
    case 'jwt_secrets':
      return text('key')
    case 'keyauth_credentials':
      return of('consumer')
    case 'acls':
      return `${of('consumer')}:${text('group')}`
    case 'mtls_auth_credentials':
      return `${of('consumer')}:${text('subject_name')}:${of('ca_certificate')}`
    case 'certificates':
    case 'ca_certificates':
      return digestOf(text('cert'))
    default:
      return text('name') === '' ? stableText(fields) : text('name')
  }
}

const MATCHERS = ['protocols', 'methods', 'hosts', 'paths', 'headers', 'snis'] as const
const matchersOf = (route: Input): string =>
  stableText(Object.fromEntries(MATCHERS.map((field) => [field, route[field] ?? null])))

const digestOf = (pem: string): string => {
  const raw = readCertificates(pem)?.map(({ raw }) => raw) ?? [Buffer.from(pem)]
  return createHash('sha256').update(Buffer.concat(raw)).digest('hex')
}
