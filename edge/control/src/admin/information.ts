import {
  buildEntity,
  COLLECTIONS,
  describeEntity,
  describePlugin,
  isCollection,
  pageOf,
  type Plugin,
  referrersOf,
  specOf,
  tagFilter,
} from '@countersign/kong'
import type { Gateways } from '../feed/gateways.ts'
import type { FileStatus } from '../file/kong-file.ts'
import type { ControlPlane } from '../plane/control-plane.ts'
import { type Answer, type Asked, NOT_FOUND, notAllowed, ok } from './exchange.ts'
import type { View } from './view.ts'

/** The version of Kong whose interface this is. Tools look at it to know what they may say. */
const KONG_VERSION = '3.9.1'

export interface Information {
  readonly plane: ControlPlane
  readonly view: View
  readonly gateways: Gateways
  readonly plugins: readonly Plugin[]
  readonly instance: string
  readonly nodeId: string
  /** Of the declarative file; undefined where there is none. */
  readonly file: () => FileStatus | undefined
}

export function rootOf({ plane, plugins, instance, nodeId, file }: Information): Answer {
  return ok({
    version: KONG_VERSION,
    edition: 'countersign',
    tagline: 'Welcome to countersign: Kong’s interface, closed by default',
    hostname: instance,
    node_id: nodeId,
    plugins: {
      available_on_server: Object.fromEntries(
        plugins.map(({ name, priority }) => [name, { priority }]),
      ),
      enabled_in_cluster: [
        ...new Set([...(plane.state.get('plugins')?.values() ?? [])].map((each) => each.name)),
      ],
    },
    configuration: {
      database: file() === undefined ? 'sqlite' : 'off',
      router_flavor: 'traditional_compatible',
    },
  })
}

export function statusOf({ plane, gateways, file }: Information): Answer {
  const declarative = file()
  return ok({
    database: { reachable: true },
    configuration_hash: plane.version.toString(16).padStart(32, '0'),
    countersign: {
      version: plane.version,
      gateways: gateways.list(),
      ...(declarative === undefined ? {} : { file: declarative }),
    },
  })
}

export function endpointsOf(): Answer {
  const data = COLLECTIONS.flatMap((name) => {
    const { path } = specOf(name)
    const nested = referrersOf(name).map(({ from }) => `/${path}/{${name}}/${specOf(from).nested}`)
    const fields = specOf(name).references.map(({ field }) => `/${path}/{${name}}/${field}`)
    return [
      `/${path}`,
      `/${path}/{${name}}`,
      ...nested,
      ...nested.map((each) => `${each}/{id}`),
      ...fields,
    ]
  })
  const others = [
    '/',
    '/config',
    '/endpoints',
    '/status',
    '/tags',
    '/tags/{tags}',
    '/upstreams/{upstreams}/health',
  ]
  return ok({ data: [...new Set([...others, ...data])].sort() })
}

/** `/tags` and `/tags/{tag}`: which entity has which. */
export function tagsOf({ view }: Information, { segments, query }: Asked): Answer {
  const [, wanted] = segments
  if (wanted !== undefined) tagFilter(wanted)
  const matches = (tag: string): boolean => wanted === undefined || tag === wanted
  const tagged = COLLECTIONS.flatMap((name) =>
    view
      .all(name)
      .filter(({ tags }) => tags?.some(matches) === true)
      .map((entity) => ({ ...entity, collection: name })),
  )
  // A page is so many entities, each with all of its tags.
  const { data, offset } = pageOf(tagged, {
    size: query.get('size') ?? undefined,
    offset: query.get('offset') ?? undefined,
  })
  const rows = data.flatMap(({ tags, collection, id }) =>
    [...new Set(tags ?? [])]
      .filter(matches)
      .map((tag) => ({ tag, entity_name: collection, entity_id: id })),
  )
  const path = wanted === undefined ? '/tags' : `/tags/${encodeURIComponent(wanted)}`
  return ok({
    data: rows,
    next: offset === undefined ? null : `${path}?${new URLSearchParams({ offset }).toString()}`,
    ...(offset === undefined ? {} : { offset }),
  })
}

/** `/schemas/…`: what fields there are, and whether values for them would do. */
export async function schemasOf(on: Information, asked: Asked): Promise<Answer> {
  const [, kind = '', name, last] = asked.segments
  const validating = (name === 'validate' && last === undefined) || last === 'validate'
  if (validating) return asked.method === 'POST' ? validate(on, asked) : notAllowed('POST')
  if (asked.method !== 'GET' && asked.method !== 'HEAD') return notAllowed('GET', 'HEAD')
  if (kind === 'plugins' && name !== undefined && last === undefined) {
    const plugin = on.plugins.find((each) => each.name === name)
    return plugin === undefined
      ? { status: 404, body: { message: `No plugin named '${name}'` } }
      : ok(describePlugin(plugin))
  }
  if (name !== undefined) return NOT_FOUND
  return isCollection(kind)
    ? ok(describeEntity(kind))
    : { status: 404, body: { message: `No entity named '${kind}'` } }
}

async function validate({ plane }: Information, asked: Asked): Promise<Answer> {
  const [, kind = ''] = asked.segments
  if (!isCollection(kind)) return { status: 404, body: { message: `No entity named '${kind}'` } }
  const { input, form } = await asked.body()
  // What it belongs to is not asked for here: any id does.
  const refs = specOf(kind).references.filter(
    ({ field }) => field !== 'client_certificate' && isNeeded(kind, field),
  )
  const filled = {
    ...Object.fromEntries(refs.map(({ field }) => [field, { id: NO_ID }])),
    ...input,
  }
  buildEntity(kind, filled, plane.world(), { form })
  return ok({ message: 'schema validation successful' })
}
const NO_ID = '00000000-0000-0000-0000-000000000000'
const isNeeded = (kind: string, field: string): boolean =>
  (field === 'consumer' && kind !== 'plugins') || field === 'upstream' || field === 'certificate'
