import { randomBytes } from 'node:crypto'

/**
 * Random octets that can be written on a command line as base64url: a text that begins with `-` is taken for an option there
 * (as by certbot, whose `--eab-kid` and `--eab-hmac-key` then have no argument). Costs a 64th of the choice.
 */
export function randomWord(
  octets: number,
  random: (count: number) => Buffer = randomBytes,
): Buffer {
  for (;;) {
    const word = random(octets)
    if (!word.toString('base64url').startsWith('-')) return word
  }
}
