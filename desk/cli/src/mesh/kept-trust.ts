import { revocationSchema } from '@countersign/contract/platform'
import type { RevocationList } from '@countersign/layers'
import { z } from 'zod'

/*
 * What the supervisor keeps beside an identity for commands, which end before there is much news: what the authorities
 * have taken back, and until when that list counts.
 */
const keptSchema = z.strictObject({
  revoked: z.array(revocationSchema),
  nextUpdate: z.int().nonnegative(),
})
export type KeptTrust = z.infer<typeof keptSchema>
export const TRUST_FILE = 'trust.json'

/** Throws where the text is damaged: without a list no certificate can be judged. */
export function parseKeptTrust(text: string): KeptTrust {
  return keptSchema.parse(JSON.parse(text))
}

/** The list as it was kept. It does not change; it gets too old by the clock. */
export function revocationsOf(kept: KeptTrust, now: () => number = Date.now): RevocationList {
  const taken = new Set(
    kept.revoked.map((word) =>
      'serial' in word ? `serial ${word.serial}` : `lineage ${word.lineage}`,
    ),
  )
  return {
    refusalOf: ({ serial, lineage }) => {
      if (taken.has(`serial ${serial}`)) return 'REVOKED'
      if (lineage !== undefined && taken.has(`lineage ${lineage}`)) return 'REVOKED'
      return now() < kept.nextUpdate ? undefined : 'LIST_TOO_OLD'
    },
    onChange: () => () => undefined,
  }
}
