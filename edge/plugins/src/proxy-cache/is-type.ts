import { mediaType } from '../transform/media-type.ts'

/** Whether a Content-Type is one of those wanted. Kong: type, subtype and the parameters that are named; `*` for any. */
export function isType(given: string | undefined, wanted: readonly string[]): boolean {
  if (given === undefined) return false
  const [type, subtype] = mediaType(given).split('/')
  const parameters = parametersOf(given)
  return wanted.some((each) => {
    const [wantedType, wantedSubtype] = mediaType(each).split('/')
    if (wantedType !== '*' && wantedType !== type) return false
    if (wantedSubtype !== '*' && wantedSubtype !== subtype) return false
    return parametersOf(each).every((parameter) => parameters.includes(parameter))
  })
}

const parametersOf = (type: string): string[] =>
  type
    .split(';')
    .slice(1)
    .map((parameter) => parameter.replaceAll(/[\s"]/g, '').toLowerCase())
