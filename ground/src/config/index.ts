import { readFileSync } from 'node:fs'
import { z } from 'zod'

/** Settings that cannot be used: all mistakes at once, each with its name and what to do. Prints no value. */
export class ConfigError extends Error {
  readonly code = 'CONFIG_INVALID'
  readonly mistakes: readonly string[]
  constructor(mistakes: readonly string[]) {
    super(
      `the configuration cannot be used:\n${mistakes.map((mistake) => `  - ${mistake}`).join('\n')}`,
    )
    this.mistakes = mistakes
  }
}

/**
 * Reads settings from environment variables. `NAME_FILE` names a file that holds the value of `NAME`.
 * Throws `ConfigError` with every mistake at once; what comes back is frozen.
 */
export function readSettings<Shape extends Record<string, z.ZodType>>(
  env: Readonly<Record<string, string | undefined>>,
  shape: Shape,
): Readonly<{ [K in keyof Shape]: z.output<Shape[K]> }> {
  const mistakes: string[] = []
  const values: Record<string, unknown> = {}
  for (const [name, schema] of Object.entries(shape)) {
    const raw = readOne(env, name, mistakes)
    const read = schema.safeParse(raw)
    if (read.success) values[name] = read.data
    else if (raw === undefined)
      mistakes.push(`${name} is missing; set it, or ${name}_FILE to a file that holds it`)
    else mistakes.push(...read.error.issues.map((issue) => `${name}: ${issue.message}`))
  }
  if (mistakes.length > 0) throw new ConfigError(mistakes)
  return Object.freeze(values) as Readonly<{ [K in keyof Shape]: z.output<Shape[K]> }>
}

function readOne(
  env: Readonly<Record<string, string | undefined>>,
  name: string,
  mistakes: string[],
): string | undefined {
  const file = env[`${name}_FILE`]
  if (file === undefined || env[name] !== undefined) return env[name]
  try {
    return readFileSync(file, 'utf8').trimEnd()
  } catch (error) {
    mistakes.push(`${name}_FILE: cannot read ${file} (${(error as NodeJS.ErrnoException).code})`)
    return undefined
  }
}

/** A TCP port, from text. */
export const portSetting: z.ZodType<number> = z.coerce.number().int().min(0).max(65_535)
/** `host:port`, as a pair. */
export const addressSetting: z.ZodType<{ readonly host: string; readonly port: number }> = z
  .string()
  .regex(/^[^:\s]+:[0-9]{1,5}$/, 'is not host:port')
  .transform((text) => {
    const [host = '', port] = text.split(':')
    return { host, port: Number(port) }
  })
/** `host:port,host:port`; nothing where it is not set. */
export const addressListSetting: z.ZodType<
  readonly { readonly host: string; readonly port: number }[]
> = z
  .string()
  .default('')
  .transform((text): unknown =>
    text
      .split(',')
      .map((each) => each.trim())
      .filter((each) => each !== ''),
  )
  .pipe(z.array(addressSetting))
/** A whole number from 1 to `max`, from text. */
export function countSetting(max: number): z.ZodType<number> {
  return z.coerce.number().int().min(1).max(max)
}
