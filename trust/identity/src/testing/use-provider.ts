import type { Configuration } from 'openid-client'
import { afterAll, beforeAll } from 'vitest'
import { createBrowser } from './browser.ts'
import { startTestDatabases } from './database.ts'
import { type Harness, startHarness } from './harness.ts'
import { codeFlow, discover } from './relying-party.ts'

interface Provider {
  readonly harness: Harness
  /** What the command line knows of the provider. */
  readonly config: Configuration
  browser(): ReturnType<typeof createBrowser>
  /** A code flow of the command line, up to the code, by this person. */
  flow(who?: string): ReturnType<typeof codeFlow>
  /** What was recorded of an action. */
  eventsOf(action: string): Harness['events']
}

/** A provider with a database of its own, before the tests of a file and until their end. */
export function useProvider(): Provider {
  let databases: Awaited<ReturnType<typeof startTestDatabases>> | undefined
  let running: { harness: Harness; config: Configuration } | undefined
  const now = (): { harness: Harness; config: Configuration } => {
    if (running === undefined) throw new Error('the provider starts before the first test')
    return running
  }
  beforeAll(async () => {
    databases = await startTestDatabases()
    const harness = await startHarness({ databaseUrl: await databases.url() })
    running = { harness, config: await discover(harness) }
  })
  afterAll(async () => {
    await running?.harness.close()
    await databases?.stop()
  })
  const browser = () => createBrowser(now().harness.fetchAs())
  return {
    get harness() {
      return now().harness
    },
    get config() {
      return now().config
    },
    browser,
    flow: (who = 'customer') => codeFlow(now().config, browser(), now().harness.people.named(who)),
    eventsOf: (action) => now().harness.events.filter((event) => event.action === action),
  }
}
