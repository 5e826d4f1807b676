/*
 * Names and values in the form of `application/x-www-form-urlencoded` (URL standard, section 5.1): in queries and
 * bodies. Kept in their order and with what was written, so that taking one away leaves the others as they came.
 */
export interface Parameter {
  readonly name: string
  readonly value: string
  readonly written: string
}

/** Takes a query or body apart. Broken percent codes stay as they are. */
export function readParameters(encoded: string): Parameter[] {
  const parameters: Parameter[] = []
  for (const written of encoded.split('&')) {
    if (written === '') continue
    const at = written.indexOf('=')
    const name = at === -1 ? written : written.slice(0, at)
    parameters.push({
      ...{ name: decode(name), value: at === -1 ? '' : decode(written.slice(at + 1)) },
      written,
    })
  }
  return parameters
}

/** All values of one name. */
export function valuesOf(encoded: string, name: string): string[] {
  // A name that is nowhere needs no decoding; one with a code in it might be any name.
  if (!encoded.includes(name) && !encoded.includes('%') && !encoded.includes('+')) return []
  return readParameters(encoded)
    .filter((parameter) => parameter.name === name)
    .map(({ value }) => value)
}

/** The same without these names. */
export function withoutParameters(encoded: string, names: readonly string[]): string {
  const kept = readParameters(encoded).filter(({ name }) => !names.includes(name))
  return kept.map(({ written }) => written).join('&')
}

function decode(text: string): string {
  const spaced = text.replaceAll('+', ' ')
  if (!spaced.includes('%')) return spaced
  try {
    return decodeURIComponent(spaced)
  } catch {
    return spaced
  }
}
