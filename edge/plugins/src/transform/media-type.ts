/** The type of a body without its parameters, in lower case: `application/json`. */
export function mediaType(contentType: string | undefined): string {
  const [type = ''] = (contentType ?? '').split(';', 1)
  return type.trim().toLowerCase()
}
export const isJson = (contentType: string | undefined): boolean =>
  /^application\/(?:json|[a-z0-9.+-]+\+json)$/.test(mediaType(contentType))
export const isForm = (contentType: string | undefined): boolean =>
  mediaType(contentType) === 'application/x-www-form-urlencoded'

/** Headers that speak of the bytes of a body: wrong as soon as one of them is changed. */
export const OF_THE_BYTES: readonly string[] = [
  'etag',
  'content-md5',
  'digest',
  'content-digest',
  'repr-digest',
]
