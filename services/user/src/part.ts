import { createReadCache } from '@countersign/ground/store'
import type { Built, Env, Part, Workload } from '@countersign/service'
import { settings } from './config/settings.ts'
import { contract } from './contract.ts'
import { createDemoPeople } from './demo-people.ts'
import { handlers } from './handlers/index.ts'
import { CACHE_MS_MAX } from './limits.ts'
import { createPasswords } from './password/passwords.ts'
import { openUserStore } from './user/open-user-store.ts'

/** The user service: who the people are, and whether this is their password. */
export const part: Part = {
  name: 'user',
  async create({ log, metrics }: Workload, env: Env): Promise<Built> {
    const s = settings(env)
    const [store, passwords, cache] = await Promise.all([
      openUserStore({ url: s.USER_DATABASE_URL, ca: s.USER_DATABASE_CA, log }),
      createPasswords(),
      createReadCache({
        ttlMs: CACHE_MS_MAX,
        prefix: 'user:',
        socketPath: s.USER_REDIS_SOCKET,
        url: s.USER_REDIS_URL,
        username: s.USER_REDIS_USERNAME,
        password: s.USER_REDIS_PASSWORD,
        log,
      }),
    ])
    metrics.gauge(
      'user_password_jobs_waiting',
      'Password hashes that wait for a thread',
      [],
      function () {
        this.set(passwords.waiting)
      },
    )
    const parts = { store, cache, passwords, now: Date.now }
    if (s.USER_DEMO_PEOPLE_FILE !== undefined) {
      const created = await createDemoPeople(s.USER_DEMO_PEOPLE_FILE, parts)
      if (created > 0) log.info({ created }, 'created the demo people')
    }
    return {
      contract,
      // Checked against the contract in handlers/; a part holds the handlers of any contract.
      handlers: handlers(parts),
      async close() {
        await Promise.all([store.close(), cache.close()])
      },
    }
  },
}
