import { readIdentifier } from '../identifier/identifier.ts'
import { REDIRECTS_MAX } from '../limits.ts'
import { AcmeProblem } from '../problem.ts'
import { firstAnswering, guardedAddresses, type Reach } from '../reach/guarded-addresses.ts'
import { guardedGet } from '../reach/guarded-get.ts'
import type { Proof } from './proof.ts'

/*
 * RFC 8555, 8.3: the name's web server answers with the key authorization.
 *
 * - asked over http, on the one port for it
 * - redirects are followed, five at most, to names only, over http or https, on the ports for these; each name is looked
 *   up and its addresses are checked anew
 * - the answer is 200, at most 1 KiB, and the text exactly, but for blanks at its end
 */
export async function proveByHttp({ name, token, expected, signal }: Proof, reach: Reach) {
  let url = new URL(`http://${name}/.well-known/acme-challenge/${token}`)
  url.port = String(reach.httpPort)
  for (let redirects = 0; ; redirects++) {
    const target = url
    const addresses = await guardedAddresses(target.hostname, reach)
    const got = await firstAnswering(addresses, (address) =>
      guardedGet({ url: target, address, signal }),
    )
    if (!REDIRECTING.has(got.status)) {
      checkAnswer(got.status, got.body, expected)
      return
    }
    if (redirects === REDIRECTS_MAX) throw wrong('there are more than 5 redirects')
    url = readRedirect(got.location, target, reach)
  }
}
const REDIRECTING: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])

/** What the name's server said. Throws `AcmeProblem` incorrectResponse. */
function checkAnswer(status: number, body: string, expected: string): void {
  if (status !== 200) throw wrong(`the answer has status ${status}`)
  if (body.trimEnd() !== expected) throw wrong('the answer is not the key authorization')
}

/** Where a redirect leads, if it may lead there. Throws `AcmeProblem` incorrectResponse. */
function readRedirect(
  location: string | undefined,
  from: URL,
  { httpPort, tlsPort }: Pick<Reach, 'httpPort' | 'tlsPort'>,
): URL {
  const url = location === undefined ? null : URL.parse(location, from.href)
  if (url === null) throw wrong('a redirect leads nowhere')
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw wrong('a redirect leads to neither http nor https')
  if (url.username !== '' || url.password !== '') throw wrong('a redirect brings a user name')
  const port = Number(url.port) || (url.protocol === 'https:' ? 443 : 80)
  if (port !== (url.protocol === 'https:' ? tlsPort : httpPort))
    throw wrong('a redirect leads to another port')
  if (!readIdentifier('dns', url.hostname).ok) throw wrong('a redirect does not lead to a name')
  return url
}

function wrong(detail: string): AcmeProblem {
  return new AcmeProblem('incorrectResponse', detail)
}
