import type { RunScript } from './limiter-redis-link.ts'
import { MEMBERS_KEY, redisKey, TAKEN } from './limiter-redis-keys.ts'
import { CARRY_OVER } from './limiter-redis-member-scripts.ts'
import { type Bucket, type BucketBook, type BucketNote, partOf } from './limiter-smooth.ts'
import type { OpenUsage, Share, UsageBook } from './limiter-usage.ts'
import { CARRY_OVER_CALLS, CARRY_OVER_KEYS } from './limits.ts'

/** A key of Redis and what is to be merged into it: five arguments of the script CARRY_OVER. */
interface Carried {
  readonly key: string
  readonly args: () => readonly string[]
  /** Called with what Redis has now, or with nothing where that is not known. */
  readonly done?: (fullAtUs: number | undefined) => void
}

/**
 * Tells Redis, after it was away, everything that is known of open windows and of buckets. Answers false at the first
 * failure. What is sent is read in the moment of sending, so that requests that pass meanwhile are in it.
 */
export async function carryOver(
  books: { readonly usage: UsageBook; readonly buckets: BucketBook; readonly share: Share },
  how: {
    readonly run: RunScript
    readonly head: () => readonly string[]
    readonly now: () => number
    readonly wanted: () => boolean
  },
): Promise<boolean> {
  const send = async (batch: readonly Carried[]): Promise<boolean> => {
    const keys = [MEMBERS_KEY, ...batch.map(({ key }) => key)]
    const args = [...how.head(), ...batch.flatMap(({ args: read }) => read())]
    const reply = await how.run(CARRY_OVER, keys, args)
    const told = reply?.[1] === TAKEN
    for (const [at, { done }] of batch.entries()) done?.(told ? Number(reply[2 + at]) : undefined)
    return told
  }
  let calls: Promise<boolean>[] = []
  for (const batch of batchesOf(everything(books, how.now))) {
    calls.push(send(batch))
    if (calls.length < CARRY_OVER_CALLS) continue
    if ((await Promise.all(calls)).includes(false) || !how.wanted()) return false
    calls = []
  }
  return !(await Promise.all(calls)).includes(false) && how.wanted()
}

function* everything(
  { usage, buckets, share }: { usage: UsageBook; buckets: BucketBook; share: Share },
  now: () => number,
): Generator<Carried> {
  for (const open of usage.open(now())) {
    const { used, known, moved } = open.usage
    if (used === 0 && known === 0 && moved === 0) continue
    yield { key: redisKey(open.name, open.key), args: () => usageArgs(open) }
  }
  for (const { key, note } of buckets.all()) {
    let wasUsed = false
    const args = (): readonly string[] => {
      const part = partOf(note.whole, share)
      buckets.refresh(note, part, now() * 1_000)
      wasUsed = note.used
      // What passes from here on is counted by Redis, too.
      note.used = false
      return bucketArgs(note, wasUsed ? part : undefined, now())
    }
    const done = (fullAtUs: number | undefined): void => {
      if (fullAtUs === undefined) note.used ||= wasUsed
      else note.toldUs = Math.max(note.toldUs, fullAtUs)
    }
    yield { key: redisKey('smooth', key), args, done }
  }
}

function usageArgs({ name, startMs, usage }: OpenUsage): readonly string[] {
  const { used, known, moved, sure } = usage
  return [
    name,
    String(startMs),
    String(used),
    String(known),
    sure || moved < 0 ? String(moved) : '',
  ]
}

/** What the own part lacks, in the measure of the whole bucket; nothing, if it was not used. */
function bucketArgs(
  { whole, toldUs, ownUs }: BucketNote,
  part: Bucket | undefined,
  nowMs: number,
): readonly string[] {
  const lacksUs = Math.max(ownUs - nowMs * 1_000, 0)
  const inWhole =
    part === undefined || part.intervalUs === 0
      ? 0
      : Math.max(Math.ceil((lacksUs / part.intervalUs) * whole.intervalUs), 1)
  const emptyUs = whole.burst * whole.intervalUs
  return ['smooth', String(toldUs), String(inWhole), String(emptyUs), '0']
}

function* batchesOf(all: Iterable<Carried>): Generator<readonly Carried[]> {
  let batch: Carried[] = []
  for (const each of all) {
    batch.push(each)
    if (batch.length < CARRY_OVER_KEYS) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}
