export { decodeBase64url, isBase64url } from './base64url.ts'
export { type JsonObject, parseJsonObject } from './json-object.ts'
export * from './jws.ts'
export { type ImportedKeys, importKeySet, type KeySet } from './key-set.ts'
export { TOKEN_CHARS_MAX } from './limits.ts'
export {
  importVerificationKey,
  type JwsAlgorithm,
  type VerificationKey,
} from './verification-key.ts'
