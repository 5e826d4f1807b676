import { readFileSync } from 'node:fs'
import { joinTrustDomain } from '@countersign/service'
import { silent, TRUST_DOMAIN } from './test-pki.ts'

/* Joins with every token of a file at once, as workloads do, until somebody opens; says how many came out how. */
interface Input {
  readonly door: { readonly host: string; readonly port: number }
  readonly bundle: string
  readonly tokens: readonly string[]
}
const { door, bundle, tokens } = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as Input

const outcomes = await Promise.all(
  tokens.map((token) =>
    joinTrustDomain({
      ...{ name: 'order', trustDomain: TRUST_DOMAIN, doors: [door], bundle, token, log: silent },
      renew: () => Promise.reject(new Error('away')),
      // A machine that is busy with other things needs several rounds for all.
      waitMsMax: 150_000,
    }).then(
      () => 'issued',
      (error: unknown) => String(error),
    ),
  ),
)
const counts: Record<string, number> = {}
for (const outcome of outcomes) counts[outcome] = (counts[outcome] ?? 0) + 1
process.stdout.write(JSON.stringify(counts))
