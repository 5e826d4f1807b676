import { ORIGINS } from './piece.ts'
import { Fuzz } from './fuzz.ts'
import { isInstalled } from './programs.ts'
import { ATTACKS_COUNT } from './stream.ts'

/* npm run long:origins [-- --count <requests>] [--seed <first>]: until so many requests are sent, or something was found. */
const option = (name: string, otherwise: number): number => {
  const at = process.argv.indexOf(name)
  const value = at === -1 ? otherwise : Number(process.argv[at + 1])
  if (!Number.isSafeInteger(value) || value < 1) throw new Error(`${name} takes a number above 0`)
  return value
}
const STREAMS_AT_ONCE = 240
const TOLD_MAX = 20

const count = option('--count', 1_000_000)
const first = option('--seed', 1)
const origins = ORIGINS.filter(isInstalled)
const fuzz = new Fuzz(origins)
const { tally } = fuzz
const started = Date.now()
const tell = (): void => {
  const seconds = Math.round((Date.now() - started) / 1000)
  const kinds = [...tally.attacks.values()].reduce((sum, each) => sum + each, 0)
  const seen = [...tally.seen].map(([origin, number]) => `${number} seen by ${origin}`).join(', ')
  console.log(
    `${seconds} s: ${tally.requests} requests on ${tally.streams} connections; ${seen}; ` +
      `${kinds} attacks of ${tally.attacks.size} of ${ATTACKS_COUNT} kinds; ${tally.lost} lost or turned away; ${tally.findings.length} findings`,
  )
}

console.log(`streams from seed ${first}`)
await fuzz.start()
let next = first
for (let told = 0; tally.requests < count && tally.findings.length === 0; next += STREAMS_AT_ONCE) {
  await fuzz.run(next, STREAMS_AT_ONCE)
  if (tally.requests - told < count / 50) continue
  told = tally.requests
  tell()
}
await fuzz.close()
tell()
console.log(`seeds ${first} to ${next - 1}`)
for (const each of tally.findings.slice(0, TOLD_MAX)) console.error(each)
const lostMax = Math.max(20, tally.requests / 100)
if (tally.lost > lostMax) console.error(`more than ${lostMax} were lost or turned away`)
if (tally.findings.length > 0 || tally.lost > lostMax) process.exitCode = 1
