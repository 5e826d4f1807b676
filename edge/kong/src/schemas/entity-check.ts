import type { z } from 'zod'

/*
 * Kong's checks of several fields of an entity. What concerns the whole is a list under `@entity`; the field that would
 * have to change has its own sentence beside it.
 */
type Context = z.core.$RefinementCtx

export function wrongEntity(context: Context, message: string): void {
  context.addIssue({ code: 'custom', message, path: ['@entity'] })
}
/** Kong's conditional: given what `given` holds, `field` should be otherwise. */
export function conditional(
  context: Context,
  given: string,
  [field, message]: [string, string],
): void {
  wrongEntity(context, `failed conditional validation given value of field '${given}'`)
  context.addIssue({ code: 'custom', message, path: [field] })
}

export const isEmpty = (value: unknown): boolean =>
  value === null ||
  value === undefined ||
  value === '' ||
  (typeof value === 'object' && Object.keys(value).length === 0)

export const quoted = (names: readonly string[]): string =>
  names.map((each) => `'${each}'`).join(', ')
