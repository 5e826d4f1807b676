import { LEAVES_PER_INTERMEDIATE_MIN } from './limits.ts'
import type { Lifetimes } from './trust-view.ts'

/** What is wrong with these lifetimes together, if anything: shorter ones above longer ones would never come to rest. */
export function lifetimesFault({ rootMs, intermediateMs, leafMs }: Lifetimes): string | undefined {
  if (!(intermediateMs >= LEAVES_PER_INTERMEDIATE_MIN * leafMs))
    return `AUTHORITY_INTERMEDIATE_TTL is less than ${LEAVES_PER_INTERMEDIATE_MIN} times AUTHORITY_LEAF_TTL`
  if (!(rootMs >= intermediateMs))
    return 'AUTHORITY_ROOT_TTL is less than AUTHORITY_INTERMEDIATE_TTL'
  return undefined
}
