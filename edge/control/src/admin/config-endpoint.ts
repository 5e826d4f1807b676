import {
  COLLECTIONS,
  DeclarativeError,
  hideSecrets,
  type KongState,
  unsupported,
} from '@countersign/kong'
import { stringify } from 'yaml'
import type { Declarative } from '../declarative.ts'
import { AdminError } from '../errors.ts'
import type { ControlPlane } from '../plane/control-plane.ts'
import { replaceAll } from '../plane/replace-all.ts'
import { causeOf } from './entities.ts'
import { type Answer, type Asked, notAllowed, ok } from './exchange.ts'
import type { Read } from './read-body.ts'

export interface ConfigEndpoint {
  readonly plane: ControlPlane
  readonly declarative: Declarative
  readonly fromFile: boolean
}

/** `GET /config`: all entities as one text, secrets sealed. `POST /config`: another text in their place. */
export function answerConfig(on: ConfigEndpoint, asked: Asked): Answer | Promise<Answer> {
  switch (asked.method) {
    case 'GET':
    case 'HEAD':
      return ok({ config: on.declarative.export(on.plane.state, 'sealed') })
    case 'POST':
      return load(on, asked)
    default:
      return notAllowed('GET', 'HEAD', 'POST')
  }
}

async function load(
  { plane, declarative, fromFile }: ConfigEndpoint,
  asked: Asked,
): Promise<Answer> {
  if (fromFile)
    throw unsupported(
      'the configuration comes from a file: change kongFile of countersign.yaml, and it is read again',
    )
  const read = await asked.body()
  const text = textOf(read)
  const flag = (name: string): boolean => isSet(asked.query.get(name)) || isSet(read.input[name])
  const before = plane.version
  try {
    await plane.change(causeOf(asked), (draft, world) =>
      replaceAll(draft, declarative.load(text, 'config.yml', { before: draft.state, world })),
    )
  } catch (error) {
    if (error instanceof DeclarativeError && flag('flatten_errors'))
      return { status: 400, body: error.flatBody }
    throw error
  }
  if (flag('check_hash') && plane.version === before) return { status: 304 }
  return { status: 201, body: entitiesOf(plane.state) }
}

/** By collection and id, as Kong answers; secrets are hidden. */
function entitiesOf(state: KongState): Record<string, object> {
  const filled = COLLECTIONS.filter((name) => (state.get(name)?.size ?? 0) > 0)
  return Object.fromEntries(
    filled.map((name) => [
      name,
      Object.fromEntries(
        [...(state.get(name) ?? [])].map(([id, entity]) => [id, hideSecrets(name, entity)]),
      ),
    ]),
  )
}

const isSet = (flag: unknown): boolean =>
  flag === '1' || flag === 'true' || flag === 1 || flag === true

/** The text itself, or in the field `config`, or as the body's own fields. */
function textOf({ input, text }: Read): string {
  if (text !== undefined) return text
  if (typeof input.config === 'string') return input.config
  const { check_hash: _, flatten_errors: __, config, ...document } = input
  if (config === undefined && document._format_version !== undefined) return stringify(document)
  throw new AdminError(400, 'expected a declarative configuration')
}
