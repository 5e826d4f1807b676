import { type ClientHttp2Session, connect, type OutgoingHttpHeaders } from 'node:http2'

/* A client of the public door that speaks HTTP/2, by Node's own engine. */

export interface H2Answer {
  readonly status: number
  readonly headers: Record<string, unknown>
  readonly body: Buffer
  readonly trailers: Record<string, unknown>
}

/** `authority`: what requests call the door, whatever its address. */
export function openH2(
  door: { readonly port: number; readonly ca: string },
  authority = 'localhost',
): ClientHttp2Session {
  const session = connect(`https://${authority}:${door.port}`, { ca: door.ca })
  session.on('error', () => {})
  return session
}

/** One request and its answer. Rejects where the stream was reset. */
export function askH2(
  over: ClientHttp2Session,
  headers: OutgoingHttpHeaders = {},
  body?: Buffer | string,
): Promise<H2Answer> {
  const stream = over.request({ ':path': '/', ...headers }, { endStream: body === undefined })
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let got: Record<string, unknown> = {}
    let trailers: Record<string, unknown> = {}
    stream.on('response', (fields) => {
      got = fields
    })
    stream.on('trailers', (fields) => {
      trailers = fields
    })
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('error', reject)
    stream.on('close', () => {
      const status = Number(got[':status'])
      if (stream.rstCode !== 0) reject(new Error(`reset ${stream.rstCode}`))
      else resolve({ status, headers: got, body: Buffer.concat(chunks), trailers })
    })
    if (body !== undefined) stream.end(body)
  })
}
