/** Object identifiers by the hex of their encoding, which is what a reader has in hand. */
export const OID = {
  subjectKeyIdentifier: '551d0e',
  keyUsage: '551d0f',
  subjectAltName: '551d11',
  basicConstraints: '551d13',
  authorityKeyIdentifier: '551d23',
  extKeyUsage: '551d25',
  serverAuth: '2b06010505070301',
  clientAuth: '2b06010505070302',
  extensionRequest: '2a864886f70d01090e',
  ecPublicKey: '2a8648ce3d0201',
  ecdsaWithSha256: '2a8648ce3d040302',
  ecdsaWithSha384: '2a8648ce3d040303',
  sha256WithRsa: '2a864886f70d01010b',
  sha384WithRsa: '2a864886f70d01010c',
} as const

/** Signature algorithms that are believed, with the hash that each names. SHA-1 and MD5 are not among them. */
export const SIGNATURE_HASHES: ReadonlyMap<string, { hash: string; keyType: 'ec' | 'rsa' }> =
  new Map([
    [OID.ecdsaWithSha256, { hash: 'sha256', keyType: 'ec' }],
    [OID.ecdsaWithSha384, { hash: 'sha384', keyType: 'ec' }],
    [OID.sha256WithRsa, { hash: 'sha256', keyType: 'rsa' }],
    [OID.sha384WithRsa, { hash: 'sha384', keyType: 'rsa' }],
  ])
