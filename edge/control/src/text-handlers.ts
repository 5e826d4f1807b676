import { DeclarativeError, Draft, hideSecrets } from '@countersign/kong'
import { causeOf, type HandlerParts, mustNotBeFile, type Some, shown } from './handler-parts.ts'
import { replaceAll } from './plane/replace-all.ts'

/** What an administrator does with declarative texts: see what one would do, and put it in place of everything. */
export function textHandlers(on: HandlerParts): Some<'preview' | 'load'> {
  const { plane, declarative } = on
  return {
    preview: ({ body }) => {
      const draft = new Draft(plane.state)
      try {
        replaceAll(
          draft,
          declarative.load(body.config, body.file, { before: plane.state, world: plane.world() }),
        )
      } catch (error) {
        return invalid(error)
      }
      return { valid: true as const, config: plainConfig(draft), changes: shown(draft.changes) }
    },
    load: async ({ body, ...context }) => {
      mustNotBeFile(on)
      const before = plane.version
      try {
        await plane.change(causeOf(context, `load ${body.file}`), (draft, world) =>
          replaceAll(
            draft,
            declarative.load(body.config, body.file, { before: draft.state, world }),
          ),
        )
      } catch (error) {
        return invalid(error)
      }
      const { version } = plane
      const changed = version === before ? 0 : plane.store.changesOf(version).length
      return { valid: true as const, version, changed }
    },
  }
}

/** Every mistake of a declarative text. Throws again what is none. */
function invalid(error: unknown): {
  valid: false
  error: { code: number; name: string; message: string }
  mistakes: string[]
} {
  if (!(error instanceof DeclarativeError)) throw error
  const { code, name, message, fields } = error.body as {
    code: number
    name: string
    message: string
    fields: object
  }
  const told = { code, name, message, fields }
  return { valid: false, error: told, mistakes: [...error.lines] }
}

/** A configuration that somebody looks at: what is secret in it decides nothing. */
function plainConfig(draft: Draft): Record<string, Record<string, unknown>[]> {
  return Object.fromEntries(
    [...draft.state].map(([name, entities]) => [
      name,
      [...entities.values()].map((each) => ({ ...hideSecrets(name, each) })),
    ]),
  )
}
