import { Busboy } from '@fastify/busboy'
import { FormError, nestForm, safeCopy } from '@countersign/kong'
import type { IncomingMessage } from 'node:http'
import { AdminError } from '../errors.ts'

/** What a body says. `form`: every value of it is a text. */
export interface Read {
  readonly input: Readonly<Record<string, unknown>>
  readonly form: boolean
  /** A body that is a declarative configuration itself. */
  readonly text?: string
}

const EMPTY: Read = { input: Object.create(null) as Record<string, unknown>, form: true }
const FIELDS_MAX = 2_000

/** Reads a body as Kong does: JSON, urlencoded or multipart. Throws `AdminError`. */
export async function readBody(incoming: IncomingMessage, bytesMax: number): Promise<Read> {
  const type = (incoming.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? ''
  if (type === 'multipart/form-data') return readMultipart(incoming, bytesMax)
  const text = await readText(incoming, bytesMax)
  if (text === '') return EMPTY
  if (type === 'application/json' || type.endsWith('+json'))
    return { input: parseJson(text), form: false }
  if (type === 'application/x-www-form-urlencoded') return asForm(new URLSearchParams(text))
  if (/^(?:text|application)\/(?:x-)?yaml$/.test(type)) return { ...EMPTY, text }
  throw new AdminError(415, 'Unsupported content type: use JSON, a form, or YAML for /config')
}

async function readText(incoming: IncomingMessage, bytesMax: number): Promise<string> {
  const pieces: Buffer[] = []
  let size = 0
  try {
    for await (const piece of incoming as AsyncIterable<Buffer>) {
      size += piece.length
      if (size > bytesMax) throw tooLarge(bytesMax)
      pieces.push(piece)
    }
  } catch (error) {
    throw error instanceof AdminError ? error : new AdminError(400, 'The request broke off')
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(pieces))
  } catch {
    throw new AdminError(400, 'The body is not UTF-8')
  }
}

function parseJson(text: string): Record<string, unknown> {
  let value: unknown
  try {
    value = safeCopy(JSON.parse(text))
  } catch {
    throw new AdminError(400, 'Cannot parse JSON body')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new AdminError(400, 'Cannot parse JSON body')
  return value as Record<string, unknown>
}

function asForm(fields: Iterable<readonly [string, string]>): Read {
  try {
    return { input: nestForm(fields), form: true }
  } catch (error) {
    if (error instanceof FormError) throw new AdminError(400, `Cannot parse form: ${error.message}`)
    throw error
  }
}

/** A file counts as a field with its text, as in `-F config=@kong.yml`. */
function readMultipart(incoming: IncomingMessage, bytesMax: number): Promise<Read> {
  return new Promise((resolve, reject) => {
    const fields: [string, string][] = []
    const fail = (error: unknown): void => {
      incoming.unpipe()
      reject(
        error instanceof AdminError ? error : new AdminError(400, 'Cannot parse multipart body'),
      )
    }
    let left = bytesMax
    incoming.on('data', (piece: Buffer) => {
      left -= piece.length
      if (left < 0) fail(tooLarge(bytesMax))
    })
    try {
      const headers = {
        ...incoming.headers,
        'content-type': incoming.headers['content-type'] ?? '',
      }
      const limits = {
        fieldSize: bytesMax,
        fields: FIELDS_MAX,
        files: 4,
        fileSize: bytesMax,
        parts: FIELDS_MAX,
      }
      const form = new Busboy({ headers, limits })
      form.on('field', (name: string, value: string) => void fields.push([name, value]))
      form.on('file', (name: string, stream: NodeJS.ReadableStream) => {
        let text = ''
        stream.setEncoding('utf8')
        stream.on('data', (piece: string) => {
          text += piece
        })
        stream.on('end', () => void fields.push([name, text]))
      })
      form.on('error', fail)
      form.on('finish', () => {
        try {
          resolve(asForm(fields))
        } catch (error) {
          fail(error)
        }
      })
      incoming.on('aborted', () => fail(new AdminError(400, 'The request broke off')))
      incoming.pipe(form)
    } catch (error) {
      fail(error)
    }
  })
}

const tooLarge = (bytesMax: number): AdminError =>
  new AdminError(413, `Payload too large: at most ${bytesMax} bytes`, {
    headers: { connection: 'close' },
  })
