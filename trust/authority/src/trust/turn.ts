import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import type { Peers } from '../peers/peers.ts'
import type { SyncTopic } from '../peers/topic.ts'
import { TURN_TRIES, TURN_WAIT_MS_MAX } from './limits.ts'

const saidSchema = z.strictObject({ wanted: z.boolean() })

/**
 * One authority at a time changes the roots. Whoever wants to says so to everybody, and then hears everybody; if one of
 * them wants to as well he steps back, and tries again a little later. Each says it before he listens, so of two at least one
 * hears the other. Those who cannot reach each other are not kept apart by this: their changes are mended when they meet.
 */
export class Turn {
  readonly topic: SyncTopic
  readonly #wantedBy = new Set<string>()
  #wanted = false

  constructor() {
    this.topic = {
      name: 'turn',
      say: () => ({ wanted: this.#wanted }),
      hear: async (said, from) => {
        if (saidSchema.parse(said).wanted) this.#wantedBy.add(from)
        else this.#wantedBy.delete(from)
      },
      // Said when it matters, with a round of its own.
      onChange: () => () => undefined,
    }
  }

  /**
   * Does the work when it is this authority's turn; what those know who answered is known by then. Says who has the turn
   * where it cannot be had.
   */
  async take<T>(
    peers: Pick<Peers, 'round'>,
    work: (answered: readonly string[]) => Promise<T>,
  ): Promise<{ done: T } | string> {
    if (this.#wanted) return 'this authority'
    this.#wanted = true
    try {
      const asked = await this.#ask(peers)
      return typeof asked === 'string' ? asked : { done: await work(asked) }
    } finally {
      this.#wanted = false
    }
  }

  async #ask(peers: Pick<Peers, 'round'>): Promise<readonly string[] | string> {
    for (let i = 0; ; i++) {
      this.#wantedBy.clear()
      const answered = await peers.round()
      const [holder] = this.#wantedBy
      if (holder === undefined) return answered
      if (i + 1 >= TURN_TRIES) return holder
      this.#wanted = false
      await sleep(Math.random() * TURN_WAIT_MS_MAX)
      this.#wanted = true
    }
  }
}
