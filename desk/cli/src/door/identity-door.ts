import { workloadId } from '@countersign/contract'
import { createLog } from '@countersign/ground/telemetry'
import { createUpstream } from '@countersign/layers'
import type { Desk } from '../desk.ts'
import { DeskError } from '../errors.ts'
import { DOOR_BODY_BYTES_MAX, DOOR_MS_MAX } from '../limits.ts'
import { folderIdentity } from '../mesh/folder-identity.ts'
import { readSeeds } from '../supervisor/seeds.ts'
import type { Door } from './door.ts'

/**
 * The identity provider at its own door in the mesh, for a login that must not depend on the gateways: whoever has shut the
 * public door by a mistake undoes it this way. Addresses of other places are refused.
 */
export async function openIdentityDoor(desk: Desk): Promise<Omit<Door, 'connections'>> {
  const { publicUrl, trustDomain, seeds } = await readSeeds(desk.layout)
  const address = seeds.find(({ name }) => name === 'identity')
  if (address === undefined) throw new DeskError('FAILED', 'nobody knows where identity is')
  const upstream = createUpstream({
    address,
    expectedId: workloadId(trustDomain, 'identity'),
    identity: await folderIdentity(desk.layout.identity('desk')),
    log: createLog({ service: 'desk', node: 'desk', level: 'silent' }),
  })
  return {
    url: publicUrl,
    fetch: async (url, { method = 'GET', headers = {}, body } = {}) => {
      const { origin, pathname, search } = new URL(url)
      if (origin !== publicUrl) throw new DeskError('FAILED', `${origin} is not the public door`)
      const reply = await upstream.request(
        {
          ...{ method, path: `${pathname}${search}`, body: body ?? null, timeoutMs: DOOR_MS_MAX },
          headers: Object.entries(headers).flat(),
        },
        { bodyBytesMax: DOOR_BODY_BYTES_MAX },
      )
      return responseOf(reply.status, reply.headers, reply.body)
    },
    close: () => upstream.close(),
  }
}

/** `flat`: name, value, name, value. Each cookie stays a header of its own. */
function responseOf(status: number, flat: readonly string[], body: Buffer): Response {
  const headers = new Headers()
  for (let i = 0; i + 1 < flat.length; i += 2) headers.append(flat[i] ?? '', flat[i + 1] ?? '')
  const empty = status === 204 || status === 304
  return new Response(empty ? null : new Uint8Array(body), { status, headers })
}
