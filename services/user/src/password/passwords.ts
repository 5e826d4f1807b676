import { randomBytes } from 'node:crypto'
import { hash, verify } from '@node-rs/argon2'
import { ARGON2, HASHES_AT_ONCE_MAX, HASHES_WAITING_MAX } from '../limits.ts'
import { createJobQueue } from './job-queue.ts'

export interface Argon2Parameters {
  /** In KiB. */
  readonly memoryCost: number
  readonly timeCost: number
  readonly parallelism: number
}

/** Hashes passwords with argon2id, on threads of their own and never on the event loop. */
export interface Passwords {
  /** A PHC string. */
  hash(password: string, signal?: AbortSignal): Promise<string>
  /** Without a hash - nobody has this name - it takes the same time and says no. */
  matches(hashed: string | undefined, password: string, signal?: AbortSignal): Promise<boolean>
  /** Whether a hash was made with other parameters than today's. */
  isOutdated(hashed: string): boolean
  readonly waiting: number
}

/** Makes the hash that unknown people are checked against, so that the first of them is as slow as the last. */
export async function createPasswords(
  options: { parameters?: Argon2Parameters; atOnceMax?: number; waitingMax?: number } = {},
): Promise<Passwords> {
  const parameters = options.parameters ?? ARGON2
  const queue = createJobQueue({
    atOnceMax: options.atOnceMax ?? HASHES_AT_ONCE_MAX,
    waitingMax: options.waitingMax ?? HASHES_WAITING_MAX,
  })
  // The library's algorithm is argon2id where none is named.
  const nobodysHash = await hash(randomBytes(32), parameters)
  return {
    hash: (password, signal) => queue.run(() => hash(bytesOf(password), parameters), signal),
    async matches(hashed, password, signal) {
      const right = await queue.run(() => verify(hashed ?? nobodysHash, bytesOf(password)), signal)
      return right && hashed !== undefined
    },
    isOutdated: (hashed) => !hashed.startsWith(prefixOf(parameters)),
    get waiting() {
      return queue.waiting
    },
  }
}

/** NFC, as in the OpaqueString profile (RFC 8265, section 4.2): two keyboards, one password. */
const bytesOf = (password: string): Buffer => Buffer.from(password.normalize('NFC'))

const prefixOf = ({ memoryCost, timeCost, parallelism }: Argon2Parameters): string =>
  `$argon2id$v=19$m=${memoryCost},t=${timeCost},p=${parallelism}$`
