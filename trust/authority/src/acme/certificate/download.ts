import { type AccountCall, type AcmeParts, type AcmeReply, expectPostAsGet, own } from '../call.ts'
import { notFound } from '../problem.ts'
import { alternateChain } from './chains.ts'

/** RFC 8555, 7.4.2: the chain, with the address of the other one. */
export function downloadCertificate(parts: AcmeParts, call: AccountCall): AcmeReply {
  expectPostAsGet(call)
  const held = own(parts.certificates.find(call.params.id ?? ''), call)
  const alternate = alternateChain(parts.ports.trust(), held)
  const url = call.urls.alternate(held.serial)
  return {
    status: 200,
    pem: held.chain,
    links: alternate === undefined ? [] : [{ url, rel: 'alternate' }],
  }
}

export function downloadAlternate(parts: AcmeParts, call: AccountCall): AcmeReply {
  expectPostAsGet(call)
  const held = own(parts.certificates.find(call.params.id ?? ''), call)
  const alternate = alternateChain(parts.ports.trust(), held)
  if (alternate === undefined || call.params.chain !== '1') throw notFound()
  const url = call.urls.certificate(held.serial)
  return { status: 200, pem: alternate, links: [{ url, rel: 'alternate' }] }
}
