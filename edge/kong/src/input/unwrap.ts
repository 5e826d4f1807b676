import type { z } from 'zod'

/** What a schema expects below its wrappers (`optional`, `default`, `nullable`, transformations …). */
export interface Bare {
  readonly schema: z.core.$ZodType
  readonly nullable: boolean
  /** Something stands in where nothing is given. */
  readonly filled: boolean
}
type Def = {
  readonly type: string
  readonly innerType?: z.core.$ZodType
  readonly in?: z.core.$ZodType
  readonly out?: z.core.$ZodType
  readonly getter?: () => z.core.$ZodType
}

export function unwrap(schema: z.core.$ZodType): Bare {
  let at = schema
  let nullable = false
  let filled = false
  for (;;) {
    const def = at._zod.def as unknown as Def
    const { type } = def
    if (type === 'nullable') nullable = true
    if (type === 'optional' || type === 'default' || type === 'prefault') filled = true
    const next =
      type === 'pipe'
        ? (def.in?._zod.def as unknown as Def | undefined)?.type === 'transform'
          ? def.out
          : def.in
        : (def.innerType ?? (type === 'lazy' ? def.getter?.() : undefined))
    if (next === undefined) return { schema: at, nullable, filled }
    at = next
  }
}

export const kindOf = (schema: z.core.$ZodType): string => schema._zod.def.type

/** The fields of an object's schema; none for another. */
export function shapeOf(schema: z.core.$ZodType): Readonly<Record<string, z.core.$ZodType>> {
  const { shape } = schema._zod.def as unknown as { shape?: Record<string, z.core.$ZodType> }
  return shape ?? {}
}
export const elementOf = (schema: z.core.$ZodType): z.core.$ZodType | undefined =>
  (schema._zod.def as unknown as { element?: z.core.$ZodType }).element
export const entryOf = (schema: z.core.$ZodType): z.core.$ZodType | undefined =>
  (schema._zod.def as unknown as { valueType?: z.core.$ZodType }).valueType
export const optionsOf = (schema: z.core.$ZodType): readonly z.core.$ZodType[] =>
  (schema._zod.def as unknown as { options?: readonly z.core.$ZodType[] }).options ?? []
