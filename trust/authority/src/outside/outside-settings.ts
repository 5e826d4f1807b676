import { addressSetting } from '@countersign/ground/config'
import { z } from 'zod'

/** Settings of the outside door, for the table of `config.ts`. */
export const outsideShape = {
  /** Where clients that are no workloads come: readers of lists, ACME clients, a browser. No door where it is missing. */
  AUTHORITY_OUTSIDE_LISTEN: addressSetting.optional(),
  /** How they reach it from their side; where nothing is said at the address of the listener. */
  AUTHORITY_OUTSIDE_URL: z
    .url({ protocol: /^https$/ })
    .refine((url) => !/[?#@]/.test(url), 'has more than scheme, host, port and path')
    .transform((url) => url.replace(/\/+$/, ''))
    .optional(),
}
