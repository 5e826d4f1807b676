import { safeParse, type z } from 'zod'
import { elementOf, kindOf, optionsOf, shapeOf, unwrap, entryOf } from '../input/unwrap.ts'
import { specOf } from '../collections.ts'
import type { Collection } from '../entities.ts'
import { isRecord } from '../check.ts'
import type { Plugin } from '../plugin.ts'

/** A field as Kong's `/schemas/…` tells of it. */
type Described = Readonly<Record<string, unknown>>

/** The fields of an entity, as `/schemas/{entity}` answers. */
export function describeEntity(collection: Collection): Described {
  const { schema, references } = specOf(collection)
  const foreign = new Map(references.map(({ field, to }) => [field, to]))
  const fields = Object.entries(shapeOf(unwrap(schema).schema))
    .filter(([name]) => name !== 'countersign')
    .map(([name, field]) => {
      const to = foreign.get(name)
      return { [name]: to === undefined ? describe(field) : { type: 'foreign', reference: to } }
    })
  return { fields }
}

/** The fields of a plugin, as `/schemas/plugins/{name}` answers. */
export function describePlugin({ schema, scopes }: Plugin): Described {
  const places = ['consumer', 'service', 'route'] as const
  const closed = places.filter((place) => scopes !== undefined && !scopes.includes(place))
  return {
    fields: [
      ...closed.map((place) => ({
        [place]: { type: 'foreign', reference: `${place}s`, eq: null },
      })),
      {
        protocols: {
          type: 'set',
          elements: { type: 'string' },
          default: ['grpc', 'grpcs', 'http', 'https'],
        },
      },
      { config: { ...describe(schema), required: true } },
    ],
  }
}

function describe(schema: z.core.$ZodType): Described {
  const { schema: bare, nullable, filled } = unwrap(schema)
  const preset = filled ? presetOf(schema) : undefined
  return {
    ...kind(bare),
    ...(nullable || filled ? {} : { required: true }),
    ...(preset === undefined || preset === null ? {} : { default: preset }),
  }
}

function kind(schema: z.core.$ZodType): Described {
  const of = kindOf(schema)
  switch (of) {
    case 'object':
      return {
        type: 'record',
        fields: Object.entries(shapeOf(schema)).map(([name, each]) => ({ [name]: describe(each) })),
      }
    case 'array': {
      const element = elementOf(schema)
      return { type: 'array', ...(element === undefined ? {} : { elements: describe(element) }) }
    }
    case 'record': {
      const value = entryOf(schema)
      return {
        type: 'map',
        keys: { type: 'string' },
        ...(value === undefined ? {} : { values: describe(value) }),
      }
    }
    case 'enum':
      return {
        type: 'string',
        one_of: Object.values((schema._zod.def as unknown as { entries: object }).entries),
      }
    case 'literal':
      return {
        type: 'string',
        one_of: (schema._zod.def as unknown as { values: unknown[] }).values,
      }
    case 'union':
      return { type: 'any', any_of: optionsOf(schema).map(kind) }
    case 'number':
      return { type: isInteger(schema) ? 'integer' : 'number' }
    default:
      return { type: of === 'string' || of === 'boolean' ? of : 'any' }
  }
}
const isInteger = (schema: z.core.$ZodType): boolean =>
  String((schema._zod.def as unknown as { format?: string }).format ?? '').includes('int')

/** What stands in where nothing is given; records say that of each of their fields. */
function presetOf(schema: z.core.$ZodType): unknown {
  const read = safeParse(schema, undefined)
  return read.success && !isRecord(read.data) ? read.data : undefined
}
