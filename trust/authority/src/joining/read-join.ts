import type { IncomingMessage } from 'node:http'
import { type Join, joinSchema } from '@countersign/contract/platform'
import { parseJsonObject } from '@countersign/ground/jose'
import { Refusal } from '@countersign/layers'
import { JOIN_BODY_BYTES_MAX } from '../limits.ts'

/** Reads the one request that the join door knows. Throws `Refusal` for anything else. */
export async function readJoin(request: IncomingMessage): Promise<Join> {
  if (request.url !== '/v1/join') throw new Refusal('ROUTE_UNKNOWN')
  if (request.method !== 'POST') {
    throw new Refusal('METHOD_NOT_ALLOWED', { headers: { allow: 'POST' } })
  }
  if (!/^application\/json(?: *;.*)?$/i.test(request.headers['content-type'] ?? '')) {
    throw new Refusal('MEDIA_TYPE', { detail: 'send application/json' })
  }
  return parseJoin(await readBody(request))
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const tooLarge = new Refusal('BODY_TOO_LARGE')
  if (Number(request.headers['content-length'] ?? 0) > JOIN_BODY_BYTES_MAX) throw tooLarge
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > JOIN_BODY_BYTES_MAX) throw tooLarge
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function parseJoin(body: Buffer): Join {
  const value = parseJsonObject(body)
  if (value === undefined)
    throw new Refusal('BODY_INVALID', { detail: 'the body is not one plain JSON object' })
  const [withToken, withAccount] = joinSchema.options
  const read = ('serviceAccountToken' in value ? withAccount : withToken).safeParse(value)
  if (read.success) return read.data
  const errors = read.error.issues
    .slice(0, 8)
    .map(({ path, message }) => ({ field: path.join('.'), message }))
  throw new Refusal('BODY_INVALID', { errors })
}
