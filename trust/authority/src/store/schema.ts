import { acmeSchema } from '../acme/acme-schema.ts'
import { issuedSchema, unclaimedSchema } from '../issuing/issued-schema.ts'
import { revocationSchema } from '../revocation/revocation-schema.ts'
import { tokenSchema } from '../token/token-schema.ts'
import { trustSchema } from '../trust/trust-schema.ts'

/** The tables of an authority, each noun's beside its code. Entries are added at the end and never change. */
export const SCHEMA: readonly string[] = [
  issuedSchema,
  tokenSchema,
  revocationSchema,
  acmeSchema,
  trustSchema,
  unclaimedSchema,
]
