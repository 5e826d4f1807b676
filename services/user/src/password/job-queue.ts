import { Refusal } from '@countersign/layers'

export interface JobQueue {
  /** Runs `job` when it is its turn. Rejects at once with Refusal OVERLOADED when too many wait, and when `signal` ends the wait. */
  run<T>(job: () => Promise<T>, signal?: AbortSignal): Promise<T>
  readonly waiting: number
}

/** A queue of costly jobs: so many run at one time, so many wait, all others are told to come back. */
export function createJobQueue(options: { atOnceMax: number; waitingMax: number }): JobQueue {
  const waiting = new Set<() => void>()
  let running = 0

  async function work<T>(job: () => Promise<T>): Promise<T> {
    running += 1
    try {
      return await job()
    } finally {
      running -= 1
      const [next] = waiting
      next?.()
    }
  }
  function wait(signal: AbortSignal | undefined): Promise<void> {
    if (waiting.size >= options.waitingMax) throw overloaded()
    return new Promise((resolve, reject) => {
      const begin = (): void => {
        waiting.delete(begin)
        signal?.removeEventListener('abort', leave)
        resolve()
      }
      // Who asked is gone: its place is free again, and no work is done for nobody.
      const leave = (): void => {
        waiting.delete(begin)
        reject(signal?.reason)
      }
      signal?.addEventListener('abort', leave, { once: true })
      waiting.add(begin)
    })
  }

  return {
    get waiting() {
      return waiting.size
    },
    async run(job, signal) {
      signal?.throwIfAborted()
      // A job that was woken runs in the same turn in which its place became free only if none came between.
      while (running >= options.atOnceMax) await wait(signal)
      return work(job)
    },
  }
}

function overloaded(): Refusal {
  return new Refusal('OVERLOADED', {
    detail: 'Too many passwords are being checked. Try again in a moment.',
    rule: 'the queue of password hashes is full',
    headers: { 'retry-after': '1' },
  })
}
