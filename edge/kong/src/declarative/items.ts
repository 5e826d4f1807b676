import { isRecord } from '../check.ts'
import {
  COLLECTIONS,
  type CollectionSpec,
  isCollection,
  type Reference,
  referrersOf,
  specOf,
} from '../collections.ts'
import type { Collection, Id } from '../entities.ts'
import type { Fields } from '../errors.ts'
import type { Input } from '../state/build-entity.ts'
import type { Mistake } from './mistakes.ts'
import type { Path } from './text.ts'

/** One entity as it stands in the text, alone, wherever it was nested. */
export interface Item {
  readonly collection: Collection
  readonly path: Path
  /** Its own fields, without the entities nested in it. */
  readonly own: Input
  /** In which it is nested, and by which of its fields it belongs to that. */
  readonly parent: { readonly item: Item; readonly field: string } | undefined
  /** Assigned when ids are. */
  id: Id | undefined
}

const VERSIONS = ['1.1', '2.1', '3.0']
const KNOWN_EXTRAS: ReadonlySet<string> = new Set([
  '_format_version',
  '_transform',
  '_comment',
  '_ignore',
  '_info',
])

/** What a text says of itself, and its entities one by one. */
export interface Taken {
  readonly version: string
  readonly items: readonly Item[]
  readonly mistakes: readonly Mistake[]
}

/** Takes a configuration apart into its entities. */
export function takeApart(value: unknown): Taken {
  const mistakes: Mistake[] = []
  const items: Item[] = []
  const wrong = (path: Path, fields: Fields): void => void mistakes.push({ path, fields })
  if (!isRecord(value)) {
    wrong([], { '@entity': ['expected a record'] })
    return { version: '3.0', items, mistakes }
  }
  const version = String(value._format_version ?? '')
  if (value._format_version === undefined) wrong([], { _format_version: 'required field missing' })
  else if (!VERSIONS.includes(version))
    wrong([], { _format_version: `expected one of: ${VERSIONS.join(', ')}` })
  if (value._transform !== undefined && typeof value._transform !== 'boolean')
    wrong([], { _transform: 'expected a boolean' })
  for (const key of Object.keys(value))
    if (!isCollection(key) && !KNOWN_EXTRAS.has(key)) wrong([], { [key]: 'unknown field' })
  const take: Take = { items, wrong }
  for (const name of COLLECTIONS)
    takeList(take, specOf(name), { list: value[name], path: [name], parent: undefined })
  return { version, items, mistakes }
}

interface Take {
  readonly items: Item[]
  readonly wrong: (path: Path, fields: Fields) => void
}
interface List {
  readonly list: unknown
  readonly path: Path
  readonly parent: Item['parent']
}

function takeList(take: Take, spec: CollectionSpec, { list, path, parent }: List): void {
  if (list === undefined || list === null) return
  if (!Array.isArray(list)) {
    take.wrong(path.slice(0, -1), { [String(path.at(-1))]: 'expected an array' })
    return
  }
  for (const [i, entry] of list.entries()) {
    const at = [...path, i]
    // Server names are often written as mere texts.
    const entity: unknown =
      spec.name === 'snis' && typeof entry === 'string' ? { name: entry } : entry
    if (isRecord(entity)) takeOne(take, spec, { entity, path: at, parent })
    else take.wrong(at, { '@entity': ['expected a record'] })
  }
}

function takeOne(
  take: Take,
  { name }: CollectionSpec,
  { entity, path, parent }: { entity: Record<string, unknown>; path: Path; parent: Item['parent'] },
): void {
  const children = childrenOf(name)
  const own = Object.create(null) as Record<string, unknown>
  const nested: [Reference & { from: Collection }, unknown][] = []
  for (const [key, each] of Object.entries(entity)) {
    const child = children.get(key)
    if (child !== undefined) nested.push([child, each])
    else if (key !== '_comment' && key !== '_ignore') own[key] = each
  }
  const item: Item = { collection: name, path, own, parent, id: undefined }
  take.items.push(item)
  for (const [child, list] of nested)
    takeList(take, specOf(child.from), {
      list,
      path: [...path, child.from],
      parent: { item, field: child.field },
    })
}

/** Which keys of an entity are lists of others that belong to it. */
function childrenOf(collection: Collection): ReadonlyMap<string, Reference & { from: Collection }> {
  const known = CHILDREN.get(collection)
  if (known !== undefined) return known
  // What a field names as a mere tool (a client certificate) is no child of it.
  const made = new Map(
    referrersOf(collection)
      .filter(({ field }) => field !== 'client_certificate')
      .map((each) => [each.from as string, each]),
  )
  CHILDREN.set(collection, made)
  return made
}
const CHILDREN = new Map<Collection, ReadonlyMap<string, Reference & { from: Collection }>>()
