/** X.509 as workloads use it: keys, requests, certificates, and the rules of X.509-SVID. */
export { type CertificateFacts, readCertificate } from './certificate.ts'
export { checkSvid, type SvidVerdict } from './check-svid.ts'
export * from './create-crl.ts'
export { crlUrlsOf } from './crl-urls.ts'
export * from './create-csr.ts'
export { createOcspRequest } from './create-ocsp-request.ts'
export * from './create-ocsp-response.ts'
export * from './errors.ts'
export type { ExtensionFacts } from './extensions.ts'
export * from './find-weakness.ts'
export * from './issue.ts'
export { keyIdOf, spkiOf } from './key-id.ts'
export * from './key-pair.ts'
export type { NameConstraints, Subtrees, WantedConstraints } from './name-constraints.ts'
export * from './parse-crl.ts'
export { ocspUrlsOf } from './ocsp-urls.ts'
export * from './parse-csr.ts'
export {
  isAskedOf,
  type OcspCertId,
  type OcspHash,
  type OcspIssuer,
  type OcspRequest,
  ocspIssuer,
  parseOcspRequest,
} from './parse-ocsp-request.ts'
export * from './pem.ts'
export { commonNameOf, formatName } from './read-name.ts'
export { type OcspQuestion, type OcspVerdict, readOcspResponse } from './read-ocsp-response.ts'
export { leafOf, selectAlpn } from './select-alpn.ts'
export { newSerial } from './serial.ts'
export { isServerName, isWildcardName } from './server-name.ts'
export type { Issuer, Span } from './sign-certificate.ts'
export { type ChainOptions, type ChainVerdict, validateChain } from './validate-chain.ts'
export * from './validate-peer.ts'
