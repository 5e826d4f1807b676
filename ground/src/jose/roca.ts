/*
 * The fingerprint of weak RSA keys made by Infineon's RSALib (ROCA, CVE-2017-15361; Nemec and others, CCS 2017).
 * Its primes have the form k * M + (65537^a mod M), so the modulus is a power of 65537 modulo every small prime
 * that divides M. A key from elsewhere passes all of these by chance in about one of 2^27 cases.
 */
const PRIMES = [
  3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101,
  103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
]

/** Whether an RSA modulus bears the fingerprint. */
export function hasRocaFingerprint(modulus: bigint): boolean {
  return PRIMES.every((prime) => isPowerOf65537(Number(modulus % BigInt(prime)), prime))
}

function isPowerOf65537(residue: number, prime: number): boolean {
  const generator = 65_537 % prime
  let power = 1
  do {
    if (power === residue) return true
    power = (power * generator) % prime
  } while (power !== 1)
  return false
}
