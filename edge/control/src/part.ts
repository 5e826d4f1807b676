import { control, people } from '@countersign/contract/platform'
import { messageOf } from '@countersign/ground/errors'
import { loadPlugins, type Plugin, stableId, type World } from '@countersign/kong'
import { bundledPlugins } from '@countersign/plugins'
import type { Built, Part, Workload } from '@countersign/service'
import { randomInt, randomUUID } from 'node:crypto'
import { openAdminServer } from './admin/admin-server.ts'
import { createGuard } from './admin/authenticate.ts'
import { answerAdmin } from './admin/routes.ts'
import { View } from './admin/view.ts'
import { readControlSettings, type Settings } from './config/settings.ts'
import { createDeclarative } from './declarative.ts'
import { type Declared, declaredOf } from './declared.ts'
import { createEvents } from './events.ts'
import { Gateways } from './feed/gateways.ts'
import { Waiters } from './feed/waiters.ts'
import { KongFile } from './file/kong-file.ts'
import { createHandlers } from './handlers.ts'
import { AdminKeys } from './keys/admin-keys.ts'
import { Holders } from './keys/holders.ts'
import { HOLDER_ANSWER_MS_MAX } from './limits.ts'
import { rootsOf, syncRoots } from './own-roots.ts'
import { ControlPlane } from './plane/control-plane.ts'
import { ControlStore } from './store/control-store.ts'

/** The control plane of the gateways, as a part of the platform. Settings: see `config/settings.ts`. */
export const part: Part = {
  name: 'control',
  create: async (workload, env) => {
    const settings = readControlSettings(env)
    const own = await loadPlugins(settings.plugins, bundledPlugins)
    // `run` has joined under the name of this part
    return await createControl(workload as Workload<'control'>, settings, [
      ...bundledPlugins,
      ...own,
    ])
  },
}

/** With what tests look at beside the contract. */
export interface BuiltControl extends Built {
  readonly adminPort: number
  readonly store: ControlStore
}
type ControlWorkload = Pick<
  Workload<'control'>,
  'instance' | 'log' | 'metrics' | 'audit' | 'identity' | 'contracts' | 'call'
>

/** Opens the store of a folder, the Admin API, and answers the contract `control`. */
export async function createControl(
  workload: ControlWorkload,
  settings: Settings,
  plugins: readonly Plugin[] = bundledPlugins,
): Promise<BuiltControl> {
  const store = new ControlStore(settings.folder, settings.sealKey)
  try {
    return await open(workload, settings, { store, plugins })
  } catch (error) {
    store.close()
    throw error
  }
}

async function open(
  workload: ControlWorkload,
  settings: Settings,
  { store, plugins }: { store: ControlStore; plugins: readonly Plugin[] },
): Promise<BuiltControl> {
  const { instance, log, metrics } = workload
  const now = Date.now
  const events = createEvents(workload)
  const plane = new ControlPlane({ store, events, world: () => worldOf(plugins, now()) })
  const waiters = new Waiters()
  plane.onChange(() => waiters.wakeAll())
  const gateways = new Gateways(now, metrics, () => plane.version)
  const declarative = createDeclarative(settings.sealKey, plugins)
  const keys = new AdminKeys(store)
  const holders = new Holders({
    ...{ keys, events, now, log },
    find: async (id) => {
      const options = { timeoutMs: HOLDER_ANSWER_MS_MAX }
      const { person } = await workload.call(people).describe({ params: { id } }, options)
      // Whoever answers must not answer for somebody else.
      return person?.id === id ? person : undefined
    },
  })
  const declared = followContracts(workload, plugins, now())
  const stopRoots = await followRoots(workload, plane)
  const { file: path } = settings
  const file =
    path === undefined ? undefined : new KongFile({ path, plane, declarative, events, now })
  await file?.start()
  const view = new View({ plane, declared: declared.current, plugins })
  const fromFile = file !== undefined
  const parts = { plane, view, gateways, plugins, instance, declarative, fromFile, now }
  const nodeId = stableId('nodes', instance)
  const admin = await openAdminServer({
    listen: settings.listen,
    guard: createGuard({ hosts: settings.hosts, keys, holders, now }),
    events,
    log,
    answer: (asked) => answerAdmin({ ...parts, nodeId, file: () => file?.status }, asked),
  })
  const url = (): string =>
    `http://${admin.host.includes(':') ? `[${admin.host}]` : admin.host}:${admin.port}`
  log.info({ url: url() }, 'the Admin API is open')
  const handlers = createHandlers({
    plane,
    gateways,
    waiters,
    ...{ keys, holders, declarative, events, now, url, fromFile },
  })
  return {
    contract: control,
    handlers: handlers as Built['handlers'],
    adminPort: admin.port,
    store,
    meta: { adminPort: String(admin.port) },
    drain: async () => {
      waiters.close()
      await admin.close()
    },
    close: async () => {
      holders.close()
      stopRoots()
      declared.close()
      await file?.close()
      store.close()
    },
  }
}

function worldOf(plugins: readonly Plugin[], now: number): World {
  return { plugins, now, newId: () => randomUUID(), newSecret }
}
const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
const newSecret = (): string =>
  Array.from({ length: 32 }, () => LETTERS[randomInt(LETTERS.length)]).join('')

function followContracts(
  workload: ControlWorkload,
  plugins: readonly Plugin[],
  now: number,
): { readonly current: () => Declared; close(): void } {
  const contracts = workload.contracts()
  const since = Math.floor(now / 1_000)
  let declared = declaredOf(contracts.current(), plugins, since)
  const unlisten = contracts.onChange(() => {
    declared = declaredOf(contracts.current(), plugins, since)
  })
  return {
    current: () => declared,
    close: () => {
      unlisten()
      contracts.close()
    },
  }
}

/** The platform's roots are among the CA certificates, now and after each change of them. */
async function followRoots(
  { identity, log }: ControlWorkload,
  plane: ControlPlane,
): Promise<() => void> {
  const sync = (): Promise<void> => {
    const cause = {
      actor: { id: '', name: 'platform' },
      requestId: randomUUID(),
      what: 'roots of the platform',
    }
    return plane.change(cause, (draft, world) =>
      syncRoots(draft, rootsOf(identity.bundle(), world)),
    )
  }
  const keepUp = (): Promise<void> =>
    // Where the spool is full no change can be recorded: gateways go on with what there is.
    sync().catch((error) =>
      log.error({ problem: messageOf(error) }, 'the roots could not be taken over'),
    )
  await keepUp()
  return identity.onChange(() => void keepUp())
}
