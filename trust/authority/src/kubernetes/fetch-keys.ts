import { readFile, stat } from 'node:fs/promises'
import { get } from 'node:https'
import type { FetchKeys } from '@countersign/layers'
import { JWKS_BYTES_MAX, JWKS_WAIT_MS_MAX } from '../limits.ts'

/**
 * Reads the cluster's key set from a file or an https address. `ca`: PEM of whom to trust for the address, the
 * system's roots where nothing is said. Redirects are not followed, and answers are bounded.
 */
export function keysFrom(place: string, ca?: string): FetchKeys {
  return async () => {
    const text = place.startsWith('https://') ? await fetchText(place, ca) : await readText(place)
    return JSON.parse(text) as Awaited<ReturnType<FetchKeys>>
  }
}

async function readText(path: string): Promise<string> {
  const { size } = await stat(path)
  if (!(size <= JWKS_BYTES_MAX)) throw new Error(`${path} is too long for a key set`)
  return readFile(path, 'utf8')
}

function fetchText(url: string, ca: string | undefined): Promise<string> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(JWKS_WAIT_MS_MAX)
    const request = get(url, { signal, agent: false, ...(ca === undefined ? {} : { ca }) })
    request.once('error', reject).once('response', (response) => {
      const { statusCode } = response
      if (statusCode !== 200) {
        response.destroy()
        reject(new Error(`${url} answered ${statusCode}`))
        return
      }
      const chunks: Buffer[] = []
      let length = 0
      response.once('error', reject).on('data', (chunk: Buffer) => {
        length += chunk.length
        chunks.push(chunk)
        if (length > JWKS_BYTES_MAX) response.destroy(new Error(`${url} answers too much`))
      })
      response.once('end', () => resolve(Buffer.concat(chunks).toString('utf8')))
    })
  })
}
