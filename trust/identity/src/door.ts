import type { IncomingMessage } from 'node:http'
import type { SpiffeId } from '@countersign/ground/spiffe'
import type { Log } from '@countersign/ground/telemetry'
import type { PeopleContext } from './people/people.ts'

/** What the mesh has proven of a request before the provider sees it. */
export interface Door {
  /** Short name of the workload at the other end of the connection. */
  readonly caller: string
  readonly callerId: SpiffeId | undefined
  readonly requestId: string
  /** Address of who asks: as the gateway tells it, otherwise the peer's own. */
  readonly ip: string | undefined
  readonly log: Log
  readonly people: PeopleContext
  /** Whom a presented code or refresh token belongs to. */
  subject?: string
}

/** Finds the door of a request anywhere below the provider; holds it no longer than the request itself. */
export interface Doors {
  open(request: IncomingMessage, door: Door): void
  of(request: IncomingMessage): Door
}

export function createDoors(): Doors {
  const doors = new WeakMap<IncomingMessage, Door>()
  return {
    open: (request, door) => void doors.set(request, door),
    of(request) {
      const door = doors.get(request)
      if (door === undefined) throw new Error('broken invariant: a request came in past the door')
      return door
    },
  }
}
