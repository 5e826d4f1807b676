import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Handlers } from '@countersign/contract'
import { identity } from '@countersign/contract/platform'
import { deriveKey, Keyring } from '@countersign/ground/seal'
import type { Built, Context, Env, Workload } from '@countersign/service'
import { Provider } from 'oidc-provider'
import { readIdentitySettings, type Settings } from './config/settings.ts'
import { publicKeys } from './domain/key-ring.ts'
import { createDoors, type Doors } from './door.ts'
import { createEvents, type Events } from './events.ts'
import { openSigningKeys, type SigningKeys } from './keys/signing-keys.ts'
import { createLogin } from './login/login.ts'
import { createLoginThrottle } from './login/throttle.ts'
import { createMount } from './mount.ts'
import { createMeshPeople } from './people/people-mesh.ts'
import { createConfiguration, type ProviderParts } from './provider/configuration.ts'
import { createHeaders } from './provider/headers.ts'
import { listen } from './provider/listen.ts'
import { type Database, openDatabase } from './store/database.ts'
import { createProviderStore } from './store/provider-store.ts'
import { startSweeping } from './store/sweep.ts'

/** The part, with what an operator and the tests may do beside its contract. */
export interface IdentityPart extends Built {
  readonly keys: SigningKeys
}

/** Builds the identity provider. Throws `ConfigError`, or what the database or the key file say. */
export async function create(workload: Workload, env: Env): Promise<IdentityPart> {
  const settings = readIdentitySettings(env)
  const { databaseUrl: url, databaseCa: ca } = settings
  const database = await openDatabase({ url, ca, log: workload.log })
  try {
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
): Promise<IdentityPart> {
  const { log, audit, metrics } = workload
  const doors = createDoors()
  const events = createEvents({ audit, metrics, log })
  const people = createMeshPeople(workload)
  const { keys, live } = await openProvider({
    ...settings,
    ...{ people, doors, events, workload },
    store: openStore(workload, settings, { database, doors }),
    cookieKey: purposeKey(settings, 'identity cookies').key.export().toString('base64url'),
  })
  const stopSweeping = startSweeping(database.pool, log)
  const login = createLogin({
    ...{ people, events, doors },
    provider: () => live().provider,
    throttle: createLoginThrottle(),
  })
  const handlers: Handlers<typeof identity, Context<'identity'>> = {
    keys: () => ({ keys: publicKeys(keys.ring()) }),
    provider: createMount({
      ...{ issuer: settings.issuer, login, doors },
      provider: () => live().application,
    }),
  }
  return {
    contract: identity,
    keys,
    handlers: handlers as Built['handlers'],
    ready: () => database.reachable(),
    async close() {
      keys.close()
      stopSweeping()
      await database.close()
    },
  }
}

interface LiveProvider {
  readonly provider: Provider
  readonly application: (request: IncomingMessage, response: ServerResponse) => Promise<void>
}
type OpenOptions = Omit<ProviderParts, 'trustDomain'> &
  Settings & { readonly events: Events; readonly workload: Workload<'identity'> }

/** The provider knows its keys from its birth on: each new ring makes a new one, over the same memory. */
async function openProvider(options: OpenOptions) {
  const { issuer, doors, events, workload } = options
  const { log, trustDomain } = workload
  const born = (ring: Parameters<typeof createConfiguration>[1]): LiveProvider => {
    const provider = new Provider(issuer, createConfiguration({ ...options, trustDomain }, ring))
    provider.use(createHeaders(doors))
    listen(provider, { events, doors, log })
    return { provider, application: provider.callback() as LiveProvider['application'] }
  }
  let live: LiveProvider | undefined
  const keys = await openSigningKeys({
    folder: options.state,
    keyring: new Keyring(purposeKey(options, 'identity signing keys')),
    log,
    onChange(ring, rotated) {
      live = born(ring)
      if (rotated) events.keysRotated(ring.current.kid)
    },
  })
  const first = live ?? born(keys.ring())
  return { keys, live: () => live ?? first }
}

function openStore(
  { log }: Workload<'identity'>,
  settings: Settings,
  { database, doors }: { database: Database; doors: Doors },
): ProviderParts['store'] {
  return createProviderStore({
    pool: database.pool,
    log,
    keyring: new Keyring(purposeKey(settings, 'identity provider entries')),
    onLookup({ accountId }) {
      const request = Provider.ctx?.req
      if (request !== undefined && accountId !== undefined) doors.of(request).subject = accountId
    },
  })
}

function purposeKey({ masterKey }: Pick<Settings, 'masterKey'>, purpose: string) {
  return deriveKey(masterKey, purpose)
}
