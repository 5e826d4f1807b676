import { FERMAT_ROUNDS, SMALL_PRIME_MAX } from './limits.ts'

/*
 * An RSA modulus is weak if it is
 *
 * - divisible by a small prime
 * - made by a chip with CVE-2017-15361 (ROCA): its primes are k*M + (65537^a mod M) for a product M of the first primes,
 *   so that for each of these primes the modulus is a power of 65537 (Nemec et al., "The Return of Coppersmith's
 *   Attack", 2017). Of other moduli not one in a hundred million looks like that.
 * - a product of two primes that are close to each other: Fermat's way finds them in a few rounds (CVE-2022-26320)
 */
export function findModulusWeakness(modulus: bigint): string | undefined {
  if (SMALL_PRIMES.some((prime) => modulus % prime === 0n)) return 'the RSA key has a small factor'
  if (isRoca(modulus)) return 'the RSA key is of a broken generator (ROCA)'
  return hasCloseFactors(modulus) ? 'the factors of the RSA key are too close' : undefined
}

const SMALL_PRIMES: readonly bigint[] = primesTo(SMALL_PRIME_MAX)

function primesTo(max: number): bigint[] {
  const primes: bigint[] = []
  for (let n = 2n; n <= max; n++) if (primes.every((prime) => n % prime !== 0n)) primes.push(n)
  return primes
}

/** The largest prime that is in the product M of every size of key. */
const ROCA_PRIME_MAX = 167n
const GENERATOR = 65_537n

/** For each prime the powers of 65537: what is left of a modulus of that generator. */
const POWERS: readonly (readonly [prime: bigint, powers: ReadonlySet<bigint>])[] =
  SMALL_PRIMES.filter((prime) => prime <= ROCA_PRIME_MAX).map((prime) => [prime, powersOf(prime)])

function powersOf(prime: bigint): ReadonlySet<bigint> {
  const powers = new Set<bigint>()
  for (let power = 1n; !powers.has(power); power = (power * GENERATOR) % prime) powers.add(power)
  return powers
}

function isRoca(modulus: bigint): boolean {
  return POWERS.every(([prime, powers]) => powers.has(modulus % prime))
}

/** Looks for a and b with modulus = a*a - b*b, beginning at its root: then its factors are a + b and a - b. */
function hasCloseFactors(modulus: bigint): boolean {
  let a = squareRoot(modulus)
  if (a * a === modulus) return true
  a += 1n
  let rest = a * a - modulus
  for (let round = 0; round < FERMAT_ROUNDS; round++) {
    if (isSquare(rest)) return true
    rest += 2n * a + 1n
    a += 1n
  }
  return false
}

/** Of all numbers one in a hundred passes both sieves and costs a root. */
const SIEVE = 5n * 7n * 9n * 11n * 13n
const MAYBE_SQUARE = [64, 5, 7, 9, 11, 13].map((modulus) => {
  const squares = new Set(Array.from({ length: modulus }, (_, i) => (i * i) % modulus))
  return { modulus, squares }
})

function isSquare(value: bigint): boolean {
  const low = Number(value & 63n)
  if (MAYBE_SQUARE[0]?.squares.has(low) !== true) return false
  const small = Number(value % SIEVE)
  const maybe = MAYBE_SQUARE.slice(1).every(({ modulus, squares }) => squares.has(small % modulus))
  if (!maybe) return false
  const root = squareRoot(value)
  return root * root === value
}

/** The whole part of the square root, by Newton's method from above. */
function squareRoot(value: bigint): bigint {
  if (value < 2n) return value
  let root = 1n << BigInt((value.toString(16).length * 4) / 2 + 1)
  for (;;) {
    const next = (root + value / root) >> 1n
    if (next >= root) return root
    root = next
  }
}
