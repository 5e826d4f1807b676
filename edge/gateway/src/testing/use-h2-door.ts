import type { ClientHttp2Session } from 'node:http2'
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest'
import type { DoorOptions } from '../door/public-door.ts'
import { openH2 } from './h2-client.ts'
import { ServedDoor } from './served-door.ts'

interface H2Door {
  readonly door: ServedDoor
  /** A connection of HTTP/2, that ends with the test. */
  session(): ClientHttp2Session
}

/** A door for the tests of a file, as good as new before each of them. */
export function useH2Door(options: Partial<DoorOptions> = {}): H2Door {
  let started: ServedDoor | undefined
  let sessions: ClientHttp2Session[] = []
  const door = (): ServedDoor => {
    if (started === undefined) throw new Error('the door opens before the first test')
    return started
  }
  beforeAll(async () => {
    started = await ServedDoor.start(options)
  })
  afterAll(() => started?.small.door.close())
  beforeEach(() => {
    door().reset()
    door().small.refusals.length = 0
  })
  afterEach(() => {
    for (const session of sessions) session.destroy()
    sessions = []
  })
  return {
    get door() {
      return door()
    },
    session: () => {
      const made = openH2(door().small)
      sessions.push(made)
      return made
    },
  }
}
