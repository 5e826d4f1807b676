import {
  operations,
  READY_BY_ANY_ANSWER,
  READY_META,
  type Registration,
  registry,
} from '@countersign/contract/platform'
import type { Joined } from '@countersign/service'
import { createRegistrar, type Registrar } from '@countersign/service/discovery'
import { ADOPTED_FAILURES_MAX, ADOPTED_LOOK_MS, ADOPTED_LOOK_MS_MAX } from '../limits.ts'
import { pause } from '../supervisor/pause.ts'

/** Keeps a program on the list of services for as long as it answers. */
export interface KeptOnList {
  /** Takes it off the list until `resume`: it is about to stop. */
  leave(): Promise<void>
  resume(): void
  close(): Promise<void>
}

export interface ProgramAt {
  readonly name: string
  readonly port: number
}
export interface Told {
  /** It answers with the certificate of its name, or does so no more. */
  onChange(answers: boolean): void
}

/** The program is looked at as the registry will: over mutual TLS, with the name in its certificate. */
export function keepRegistered(at: ProgramAt, joined: Joined, told: Told): KeptOnList {
  const stop = new AbortController()
  const list = new Entry(at, joined, told)
  const running = (async () => {
    while (!stop.signal.aborted) {
      await list.look()
      await pause(ADOPTED_LOOK_MS, stop.signal)
    }
  })()
  return {
    leave: () => list.pause(),
    resume: () => list.resume(),
    close: async () => {
      stop.abort()
      await running
      await list.pause()
    },
  }
}

class Entry {
  readonly #at: ProgramAt
  readonly #joined: Joined
  readonly #told: Told
  #registrar: Registrar | undefined
  #failures = 0
  #paused = false

  constructor(at: ProgramAt, joined: Joined, told: Told) {
    this.#at = at
    this.#joined = joined
    this.#told = told
  }

  async look(): Promise<void> {
    const answers = await this.#answers()
    this.#failures = answers ? 0 : this.#failures + 1
    if (this.#paused) return
    if (answers && this.#registrar === undefined) await this.#enter()
    if (this.#failures >= ADOPTED_FAILURES_MAX) await this.#leave()
  }
  async pause(): Promise<void> {
    this.#paused = true
    await this.#leave()
  }
  resume(): void {
    this.#paused = false
  }

  async #answers(): Promise<boolean> {
    const { name, port } = this.#at
    const client = this.#joined.connected.callAt(operations, { name, host: '127.0.0.1', port })
    try {
      const options = {
        timeoutMs: ADOPTED_LOOK_MS_MAX,
        signal: AbortSignal.timeout(ADOPTED_LOOK_MS_MAX),
      }
      return (await client.ready(undefined, options)).status < 500
    } catch {
      // Nobody listens yet, or somebody else, or it is too busy: not one to send people to.
      return false
    }
  }
  async #enter(): Promise<void> {
    const { connected, instance, log } = this.#joined
    const registration: Registration = {
      ID: instance,
      Name: this.#at.name,
      Address: '127.0.0.1',
      Port: this.#at.port,
      Meta: { [READY_META]: READY_BY_ANY_ANSWER },
      Check: { TTL: '10s' },
    }
    const client = connected.call(registry)
    const made = createRegistrar({ registry: client, registration, descriptor: undefined, log })
    this.#registrar = made
    await made.start()
    this.#told.onChange(true)
  }
  async #leave(): Promise<void> {
    const registrar = this.#registrar
    if (registrar === undefined) return
    this.#registrar = undefined
    await registrar.close()
    this.#told.onChange(false)
  }
}
