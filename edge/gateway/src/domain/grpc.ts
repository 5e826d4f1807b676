/*
 * What a client of gRPC understands (gRPC over HTTP/2; Kong's mapping of statuses): an answer of HTTP is always 200, and
 * what became of the call is told in trailers, which stand in the head where there is nothing else.
 */
interface Asking {
  readonly version: string
  header(name: string): string | undefined
}

/** Whether a request is a call of gRPC. Over HTTP/1.1 there is none. */
export const isGrpcCall = (request: Asking): boolean =>
  request.version === '2' && isGrpcType(request.header('content-type'))

/** `application/grpc`, perhaps with a message format or parameters behind it. */
export function isGrpcType(type: string | undefined): boolean {
  if (type === undefined || !type.toLowerCase().startsWith('application/grpc')) return false
  return type.length === 16 || type[16] === '+' || type[16] === ';'
}

const UNKNOWN = 2
const STATUSES: ReadonlyMap<number, number> = new Map([
  [400, 3],
  [401, 16],
  [403, 7],
  [404, 5],
  [405, 12],
  [408, 4],
  [409, 6],
  [413, 8],
  [414, 8],
  [415, 12],
  [421, 3],
  [426, 12],
  [429, 8],
  [431, 8],
  [499, 1],
  [500, 13],
  [501, 12],
  [502, 14],
  [503, 14],
  [504, 4],
])

/** What became of a call. `status`: what HTTP would say. */
export function statusTrailers(status: number, message: string): string[] {
  const code = STATUSES.get(status) ?? UNKNOWN
  return ['grpc-status', String(code), 'grpc-message', percentEncoded(message)]
}
/** The head of an answer that has nothing else. */
export const trailersOnly = (status: number, message: string): string[] => [
  ...['content-type', 'application/grpc'],
  ...statusTrailers(status, message),
]

/** Visible ASCII as it is, everything else as bytes of UTF-8. */
function percentEncoded(message: string): string {
  let text = ''
  for (const byte of Buffer.from(message)) {
    const isPlain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25
    text += isPlain
      ? String.fromCharCode(byte)
      : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return text
}
