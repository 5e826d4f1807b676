import { once } from 'node:events'
import { request } from 'node:https'
import { Metrics } from '@countersign/ground/telemetry'
import { openOutside } from '../outside/open-outside.ts'
import type { OutsideDoor } from '../outside/outside-door.ts'
import { DOMAIN, type House, silent } from './status-house.ts'
import { type StatusHouses, signerOf } from './use-status-houses.ts'

/** The outside door of an authority, closed behind the test. */
export async function openDoor(houses: StatusHouses, house: House): Promise<OutsideDoor> {
  const { tree } = houses
  const door = await openOutside({
    listen: { host: '127.0.0.1', port: 0 },
    url: undefined,
    publicNames: ['localhost', '127.0.0.1'],
    workload: {
      trustDomain: DOMAIN,
      instance: house.instance,
      log: silent,
      metrics: new Metrics(),
    },
    authority: house.authority,
    signers: { active: () => signerOf(houses, house.instance) },
    trust: { state: tree.state, bundle: () => tree.bundle, onChange: tree.onChange },
    revocations: house.revocations,
    ready: () => true,
    routes: house.status.routes,
  })
  houses.closeLater(door.close)
  return door
}

interface Wanted {
  readonly door: OutsideDoor
  readonly path: string
  readonly method?: string
  readonly body?: Buffer
  readonly headers?: Record<string, string>
}
/** Asks the door as anybody would who trusts the roots. */
export async function send(
  { tree }: StatusHouses,
  { door, path, method = 'GET', body, headers = {} }: Wanted,
) {
  const outgoing = request({
    ...{ host: '127.0.0.1', port: door.port, path, method, headers, ca: tree.bundle, agent: false },
    servername: 'localhost',
  })
  outgoing.end(body)
  const [response] = await once(outgoing, 'response')
  const bytes = Buffer.concat(await response.toArray())
  return { status: response.statusCode as number, headers: response.headers, body: bytes }
}
