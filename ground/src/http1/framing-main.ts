import { compareWithNode } from './compare-with-node.fixture.ts'
import { NodeReader } from '../testkit/node-reader.ts'

/* npm run long:framing [cases] [first seed]: the comparison of the test, for as long as one likes. Ends at the first difference. */
const AT_ONCE = 100
const cases = Number(process.argv[2] ?? 200_000)
const first = Number(process.argv[3] ?? 1)

const node = await NodeReader.start()
let whole = 0
for (let seed = first; seed < first + cases && process.exitCode === undefined; seed += AT_ONCE) {
  const seeds = Array.from({ length: Math.min(AT_ONCE, first + cases - seed) }, (_, i) => seed + i)
  for (const each of await Promise.all(seeds.map((one) => compareWithNode(node, one)))) {
    whole += each.whole
    if (each.difference === undefined) continue
    console.error(each.difference)
    process.exitCode = 1
  }
  if ((seed - first) % 20_000 === 0) console.log(`${seed - first} cases, ${whole} whole requests`)
}
node.close()
console.log(
  `${cases} cases from seed ${first}: ${whole} whole requests, ${process.exitCode === 1 ? 'a' : 'no'} difference`,
)
