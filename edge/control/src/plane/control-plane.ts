import {
  type Change,
  configOf,
  Draft,
  type Id,
  type KongConfig,
  type KongState,
  schemaViolation,
  type World,
} from '@countersign/kong'
import { tooManyChanges } from '../errors.ts'
import type { Events } from '../events.ts'
import { CONFIG_BYTES_MAX, WAITING_CHANGES_MAX } from '../limits.ts'
import type { Actor, ControlStore, Version } from '../store/control-store.ts'
import type { Override } from './overrides.ts'

/** Who changes something, and by which request. */
export interface Cause {
  readonly actor: Actor
  readonly requestId: string
  readonly what: string
}
type NewWorld = () => World
/** What a change does to a draft. Throws `KongError`, and nothing has happened. */
export type Work<T> = (draft: Draft, world: World) => T

/**
 * The configuration of the gateways, and the only way to change it. Changes come one after the other: each sees what the one
 * before has made, is on record before it has an effect, and is durable before it is answered.
 */
export class ControlPlane {
  readonly store: ControlStore
  readonly #world: NewWorld
  readonly #events: Events
  readonly #listeners = new Set<() => void>()
  #state: KongState
  #config: KongConfig | undefined
  #version: number
  #overrides: ReadonlyMap<Id, Override> = new Map()
  #last: Promise<unknown> = Promise.resolve()
  #waiting = 0

  constructor(parts: { store: ControlStore; world: NewWorld; events: Events }) {
    this.store = parts.store
    this.#world = parts.world
    this.#events = parts.events
    const { state, version } = this.store.load()
    this.#state = state
    this.#version = version
  }

  get state(): KongState {
    return this.#state
  }
  get version(): number {
    return this.#version
  }
  /** What the gateways get. */
  get config(): KongConfig {
    this.#config ??= configOf(this.#state)
    return this.#config
  }
  /** What an operator has said of targets' health, by target. */
  get overrides(): ReadonlyMap<Id, Override> {
    return this.#overrides
  }
  world(): World {
    return this.#world()
  }

  /** Called after each change. Returns the way to stop listening. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /**
   * Makes a change. `work` gets a draft of the newest state and throws `KongError` to refuse; nothing has happened then. Throws
   * `Refusal` AUDIT_UNAVAILABLE where it cannot be put on record. `override`: what is said of a target along with it.
   */
  change<T>(cause: Cause, work: Work<T>, override?: Override): Promise<T> {
    if (this.#waiting >= WAITING_CHANGES_MAX) return Promise.reject(tooManyChanges())
    this.#waiting += 1
    const done = this.#last.then(() => this.#change(cause, work, override))
    this.#last = done.catch(() => undefined)
    return done.finally(() => {
      this.#waiting -= 1
    })
  }

  async #change<T>(cause: Cause, work: Work<T>, override: Override | undefined): Promise<T> {
    const draft = new Draft(this.#state)
    let result: T
    try {
      result = work(draft, this.#world())
      checkSize(draft)
    } catch (error) {
      this.#events.refused(cause, error)
      throw error
    }
    const changes = draft.changes
    if (changes.length === 0 && override === undefined) return result
    await this.#events.intended(cause, changes)
    const version = this.#commit(cause, changes)
    this.#state = draft.state
    this.#config = undefined
    this.#version = version
    this.#overrides = overridesAfter(this.#overrides, override, draft)
    this.#events.changed(cause, { version, changes })
    for (const listener of this.#listeners) listener()
    return result
  }

  #commit(cause: Cause, changes: readonly Change[]): number {
    const { actor, requestId, what } = cause
    try {
      return this.store.commit(changes, { at: this.#world().now, actor, requestId, what })
    } catch (error) {
      this.#events.notKept(cause, error)
      throw error
    }
  }

  history(limit: number, before?: number): readonly Version[] {
    return this.store.history(limit, before)
  }
}

/** What is said of a target goes with it. */
function overridesAfter(
  before: ReadonlyMap<Id, Override>,
  override: Override | undefined,
  draft: Draft,
): ReadonlyMap<Id, Override> {
  const after = new Map(before)
  if (override !== undefined) after.set(override.target, override)
  for (const target of after.keys())
    if (draft.get('targets', target) === undefined) after.delete(target)
  return after
}

/** What no gateway could take must not become the configuration. */
function checkSize(draft: Draft): void {
  if (draft.changes.every(({ after }) => after === undefined)) return
  const bytes = Buffer.byteLength(JSON.stringify(configOf(draft.state)))
  if (bytes > CONFIG_BYTES_MAX)
    throw schemaViolation({
      '@entity': [`all entities together would have more than ${CONFIG_BYTES_MAX} bytes`],
    })
}
