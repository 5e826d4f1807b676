/**
 * Keeps bytes unreadable at rest.
 * Promises: `open` gives back what `seal` took only under the same `aad` and key, and throws otherwise.
 * Its adapter is the sealer of `@countersign/ground/seal`.
 */
export interface Sealer {
  seal(plain: Buffer, aad: string): Buffer
  open(sealed: Buffer, aad: string): Buffer
}
