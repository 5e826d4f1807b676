// For the test of kill -9: appends as fast as it can on several lanes, and says each event that was acknowledged.
import { flushCompileCache } from 'node:module'
import { testEvent } from './events.ts'
import { openAudit } from './open-audit.ts'

// Whoever is killed writes no cache at its end.
flushCompileCache()
const [folder = '', round = ''] = process.argv.slice(2)
const audit = await openAudit(folder)
const lane = async (name: number): Promise<void> => {
  for (let i = 0; ; i++) {
    const names = Array.from({ length: 1 + (i % 7) }, (_, j) => `${round}.${name}.${i}.${j}`)
    // Every fifth batch is sent twice at once, as a sender does that did not hear the first answer.
    const sends = i % 5 === 0 ? 2 : 1
    const batch = names.map((each) => testEvent(each))
    await Promise.all(Array.from({ length: sends }, () => audit.append(batch)))
    process.stdout.write(`${names.join('\n')}\n`)
  }
}
await Promise.all(Array.from({ length: 6 }, (_, name) => lane(name)))
