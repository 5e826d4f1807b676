/** Object identifiers by the hex of their encoding, which is what a reader has in hand. */
export const OID = {
  commonName: '550403',
  organizationName: '55040a',
  subjectKeyIdentifier: '551d0e',
  keyUsage: '551d0f',
  subjectAltName: '551d11',
  basicConstraints: '551d13',
  crlNumber: '551d14',
  reasonCode: '551d15',
  nameConstraints: '551d1e',
  crlDistributionPoints: '551d1f',
  authorityKeyIdentifier: '551d23',
  extKeyUsage: '551d25',
  anyExtendedKeyUsage: '551d2500',
  authorityInfoAccess: '2b06010505070101',
  ocsp: '2b06010505073001',
  ocspBasic: '2b0601050507300101',
  ocspNonce: '2b0601050507300102',
  serverAuth: '2b06010505070301',
  clientAuth: '2b06010505070302',
  ocspSigning: '2b06010505070309',
  extensionRequest: '2a864886f70d01090e',
  ecPublicKey: '2a8648ce3d0201',
  rsaEncryption: '2a864886f70d010101',
  sha1: '2b0e03021a',
  sha256: '608648016503040201',
  ecdsaWithSha256: '2a8648ce3d040302',
  ecdsaWithSha384: '2a8648ce3d040303',
  sha256WithRsa: '2a864886f70d01010b',
  sha384WithRsa: '2a864886f70d01010c',
  /**
   * Our own: the lineage of a workload's certificate. 1.2.840.113556.1.8000.2554 is what Microsoft gives to everyone
   * to hang a UUID below, in seven parts; ours is e639d0c7-860e-4e7a-9c82-26e6e78b02f3. The shorter 2.25 takes a UUID
   * as one number of 128 bits, and GnuTLS does not read a certificate that holds one of more than 64.
   */
  lineage: '2a864886f71401be40937a83cc3983a147828c0e819c7a82b902819bcd6784ac8573',
} as const

/** Signature algorithms that are believed, with the hash that each names. SHA-1 and MD5 are not among them. */
export const SIGNATURE_HASHES: ReadonlyMap<string, { hash: string; keyType: 'ec' | 'rsa' }> =
  new Map([
    [OID.ecdsaWithSha256, { hash: 'sha256', keyType: 'ec' }],
    [OID.ecdsaWithSha384, { hash: 'sha384', keyType: 'ec' }],
    [OID.sha256WithRsa, { hash: 'sha256', keyType: 'rsa' }],
    [OID.sha384WithRsa, { hash: 'sha384', keyType: 'rsa' }],
  ])
