import { writePem } from '@countersign/ground/x509'
import { Refusal } from '@countersign/layers'
import type { OutsideReply, OutsideRequest, OutsideRoute } from '../outside/outside-route.ts'
import type { Crl } from './crl-store.ts'
import type { Crls } from './crls.ts'
import { OCSP_REQUEST_BYTES_MAX, STATUS_MAX_AGE_SECONDS } from './limits.ts'
import type { OcspReply, OcspResponder } from './ocsp-responder.ts'

export interface StatusRouteParts {
  readonly crls: Pick<Crls, 'find'>
  readonly ocsp: Pick<OcspResponder, 'answer'>
  readonly now: () => number
}

/** Where the certificates of a CA are told to be revoked: what goes into those that clients outside of the mesh read. */
export function statusUrls(baseUrl: string, issuer: string) {
  return { crlUrls: [`${baseUrl}/crl/${issuer}.crl`], ocspUrls: [`${baseUrl}/ocsp`] }
}

/** Lists (RFC 5280) of every CA, and answers (RFC 6960) about certificates of those whose key is here. */
export function statusRoutes({ crls, ocsp, now }: StatusRouteParts): OutsideRoute[] {
  const crl =
    (write: (crl: Crl) => Pick<OutsideReply, 'headers' | 'body'>) => (request: OutsideRequest) => {
      const found = crls.find(request.params.id ?? '')
      if (found === undefined) throw new Refusal('NOT_FOUND')
      return answerCrl(found, request, write(found))
    }
  return [
    {
      method: 'GET',
      path: '/crl/:id.crl',
      handle: crl(({ der }) => ({
        headers: { 'content-type': 'application/pkix-crl' },
        body: der,
      })),
    },
    {
      method: 'GET',
      path: '/crl/:id.pem',
      handle: crl(({ der }) => ({
        headers: { 'content-type': 'application/x-pem-file' },
        body: writePem(der, 'X509 CRL'),
      })),
    },
    {
      method: 'POST',
      path: '/ocsp',
      bodyBytesMax: OCSP_REQUEST_BYTES_MAX,
      handle: ({ headers, body }) => {
        if (headers['content-type'] !== 'application/ocsp-request')
          throw new Refusal('MEDIA_TYPE', { detail: 'send application/ocsp-request' })
        return answerOcsp(ocsp.answer(body), now())
      },
    },
    {
      method: 'GET',
      // Base64 has slashes, and not every client writes them as %2F.
      path: '/ocsp/*request',
      handle: ({ params }) => answerOcsp(ocsp.answer(fromBase64(params.request ?? '')), now()),
    },
  ]
}

function answerCrl(
  { number, thisUpdate }: Crl,
  { headers }: OutsideRequest,
  content: Pick<OutsideReply, 'headers' | 'body'>,
): OutsideReply {
  const tag = `"${number}"`
  const common = {
    ...content.headers,
    etag: tag,
    'last-modified': new Date(thisUpdate).toUTCString(),
    'cache-control': `public, max-age=${STATUS_MAX_AGE_SECONDS}, must-revalidate`,
  }
  if (headers['if-none-match'] === tag) return { status: 304, headers: common, body: '' }
  return { status: 200, headers: common, body: content.body }
}

/** With the headers that RFC 5019, 6.2, asks for. */
function answerOcsp({ der, span }: OcspReply, now: number): OutsideReply {
  const type = { 'content-type': 'application/ocsp-response' }
  if (span === undefined)
    return { status: 200, headers: { ...type, 'cache-control': 'no-store' }, body: der }
  const seconds = Math.min(STATUS_MAX_AGE_SECONDS, Math.floor((span.nextUpdate - now) / 1_000))
  return {
    status: 200,
    headers: {
      ...type,
      'last-modified': new Date(span.thisUpdate).toUTCString(),
      expires: new Date(span.nextUpdate).toUTCString(),
      'cache-control': `public, no-transform, must-revalidate, max-age=${Math.max(0, seconds)}`,
    },
    body: der,
  }
}

/** What is not base64 becomes a question that cannot be read, which OCSP has an answer for. */
function fromBase64(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64').replace(/=+$/, '') === text.replace(/=+$/, '')
    ? bytes
    : Buffer.alloc(0)
}
