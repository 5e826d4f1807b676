import { isRecord } from '../check.ts'
import { specOf } from '../collections.ts'
import { declarativeInvalid, type FieldError, type Fields, KongError } from '../errors.ts'
import { MISTAKES_MAX } from '../limits.ts'
import { hideSecrets } from '../secrets.ts'
import type { Item } from './items.ts'
import type { DeclarativeText, Path } from './text.ts'

/** What is wrong with a declarative configuration: of one entity, or of the text itself. */
export interface Mistake {
  readonly path: Path
  readonly fields: Fields
  readonly item?: Item
}

/** Kong's error 14, with everything that is wrong told at once, and where. */
export class DeclarativeError extends KongError {
  /** Each with file and line. */
  readonly lines: readonly string[]
  /** Kong's `flattened_errors`: entity by entity. */
  readonly flattened: readonly Readonly<Record<string, unknown>>[]
  /** The fields of mistakes that belong to no entity, for the flattened form. */
  readonly rest: Fields

  constructor(text: DeclarativeText, mistakes: readonly Mistake[]) {
    const told = mistakes.slice(0, MISTAKES_MAX)
    const { message } = declarativeInvalid(nested(told))
    super(14, message, nested(told))
    this.lines = text.broken.length > 0 ? text.broken : told.flatMap((each) => linesOf(text, each))
    this.flattened = told.flatMap(flatten)
    this.rest = nested(told.filter(({ item }) => item === undefined))
  }

  /** As `flatten_errors=1` asks for it. */
  get flatBody(): Readonly<Record<string, unknown>> {
    return { ...this.body, fields: this.rest, flattened_errors: this.flattened }
  }
}

const bare = <T>(): Record<string, T> => Object.create(null) as Record<string, T>

/** The mistakes at their places in the configuration. */
function nested(mistakes: readonly Mistake[]): Fields {
  const root: Fields = bare()
  for (const { path, fields } of mistakes) {
    let at = root as Record<string | number, FieldError | undefined>
    for (const [i, key] of path.entries()) {
      const there = at[key]
      const made: FieldError = typeof path[i + 1] === 'number' ? [] : bare<FieldError>()
      if (Array.isArray(at)) while (at.length < Number(key)) (at as FieldError[]).push(null)
      const next = typeof there === 'object' && there !== null ? there : made
      at[key] = next
      at = next as typeof at
    }
    Object.assign(at, fields)
  }
  return root
}

function linesOf(text: DeclarativeText, { path, fields }: Mistake): string[] {
  return leavesOf(fields).map(([below, message]) => {
    const name = [...path, ...below].join('.')
    return `${text.at([...path, ...below])}: ${name === '' ? '' : `${name}: `}${message}`
  })
}

/** Every sentence with its place below an entity. What concerns the whole has no place. */
function leavesOf(fields: FieldError): [Path, string][] {
  if (fields === null) return []
  if (typeof fields === 'string') return [[[], fields]]
  if (Array.isArray(fields)) return fields.flatMap((each, i) => leavesOf(each).map(under(i)))
  return Object.entries(fields).flatMap(([key, each]) =>
    key === '@entity'
      ? leavesOf(each).map(([, message]) => [[], message] as [Path, string])
      : leavesOf(each).map(under(key)),
  )
}
const under =
  (key: string | number) =>
  ([path, message]: [Path, string]): [Path, string] => [[key, ...path], message]

function flatten({ item, fields }: Mistake): Readonly<Record<string, unknown>>[] {
  if (item === undefined) return []
  const { collection, own } = item
  const { name, id, tags } = own
  const errors = Object.entries(fields).flatMap(([key, each]) =>
    leavesOf(each).map(([path, message]) =>
      key === '@entity'
        ? { type: 'entity', message }
        : { type: 'field', field: [key, ...path.map(luaIndex)].join('.'), message },
    ),
  )
  return [
    {
      entity_type: specOf(collection).singular,
      ...(typeof name === 'string' && name !== '' ? { entity_name: name } : {}),
      ...(typeof id === 'string' ? { entity_id: id } : {}),
      ...(Array.isArray(tags) && tags.every((tag) => typeof tag === 'string')
        ? { entity_tags: tags }
        : {}),
      entity: isRecord(own) ? hideSecrets(collection, own) : own,
      errors,
    },
  ]
}
/** Lists begin at 1 in Kong's field names. */
const luaIndex = (key: string | number): string | number =>
  typeof key === 'number' ? key + 1 : key
