import { z } from 'zod'

/** A word about a token, as files hold it. */
export const tokenRecordSchema = z.strictObject({
  hash: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
  name: z.string().regex(/^[a-z][a-z0-9-]{0,62}$/),
  expiresAt: z.int().nonnegative(),
  spent: z.boolean(),
})
