import { hkdfSync } from 'node:crypto'
import { identity } from '@countersign/contract/platform'
import { sealer } from '@countersign/ground/seal'
import type { Built, Env, Workload } from '@countersign/service'
import { Provider } from 'oidc-provider'
import { readIdentitySettings, type Settings } from './config/settings.ts'
import { type KeyRing, publicKeys } from './domain/key-ring.ts'
import { createDoors } from './door.ts'
import { createEvents } from './events.ts'
import { openSigningKeys, type SigningKeys } from './keys/signing-keys.ts'
import { createLogin } from './login/login.ts'
import { createLoginThrottle } from './login/throttle.ts'
import { createMount } from './mount.ts'
import { createMeshPeople } from './people/people-mesh.ts'
import { createConfiguration } from './provider/configuration.ts'
import { createHeaders } from './provider/headers.ts'
import { listen } from './provider/listen.ts'
import { type Database, openDatabase } from './store/database.ts'
import { migrate } from './store/migrate.ts'
import { migrations } from './store/migrations.ts'
import { createProviderStore } from './store/provider-store.ts'
import { startSweeping } from './store/sweep.ts'

/** The part, with what an operator and the tests may do beside its contract. */
export interface Identity extends Built {
  readonly keys: SigningKeys
}

/** Builds the identity provider: settings, database, keys, provider, in this order. */
export async function create(workload: Workload, env: Env): Promise<Identity> {
  const settings = readIdentitySettings(env)
  const database = openDatabase(settings.databaseUrl, workload.log)
  try {
    await migrate(database.pool, migrations, workload.log)
    return await build(workload as Workload<'identity'>, settings, database)
  } catch (error) {
    await database.close()
    throw error
  }
}

async function build(
  workload: Workload<'identity'>,
  settings: Settings,
  database: Database,
): Promise<Identity> {
  const { log, audit, metrics } = workload
  const { pool } = database
  const doors = createDoors()
  const events = createEvents({ audit, metrics, log })
  const people = createMeshPeople(workload)
  const store = createProviderStore({
    pool,
    log,
    sealer: sealer(settings.masterKey, 'identity/provider-entries'),
    onLookup({ accountId }) {
      const request = Provider.ctx?.req
      if (request !== undefined && accountId !== undefined) doors.of(request).subject = accountId
    },
  })
  const parts = { ...settings, store, people, doors, trustDomain: workload.trustDomain }
  const makeProvider = (ring: KeyRing) => {
    const cookieKey = deriveCookieKey(settings.masterKey)
    const provider = new Provider(
      settings.issuer,
      createConfiguration({ ...parts, cookieKey }, ring),
    )
    provider.use(createHeaders(doors))
    listen(provider, { events, doors, log })
    return { provider, application: provider.callback() as ReturnType<Application> }
  }
  type Application = () => (...args: Parameters<ReturnType<Provider['callback']>>) => Promise<void>
  const keys = await openSigningKeys({
    folder: settings.state,
    sealer: sealer(settings.masterKey, 'identity/signing-keys'),
    log,
    onChange(ring) {
      live = makeProvider(ring)
      events.keysRotated(ring.current.kid)
    },
  })
  let live = makeProvider(keys.ring())
  const stopSweeping = startSweeping(pool, log)
  const provider = () => live.provider
  const throttle = createLoginThrottle()
  const login = createLogin({ provider, people, throttle, events, doors })
  const { issuer } = settings
  return {
    contract: identity,
    keys,
    handlers: {
      keys: () => ({ keys: publicKeys(keys.ring()) }),
      provider: createMount({ issuer, provider: () => live.application, login, doors }),
    },
    ready: () => database.reachable(),
    async close() {
      keys.close()
      stopSweeping()
      await database.close()
    },
  }
}

/** Cookies are signed with a key of their own, the same after each start. */
function deriveCookieKey(masterKey: Buffer): string {
  const key = hkdfSync('sha256', masterKey, '', 'countersign identity cookies', 32)
  return Buffer.from(key).toString('base64url')
}
