import type { Account } from '../account/account.ts'
import type { AcmeParts } from '../call.ts'
import { RATE_DAY_MS, RATE_HOUR_MS } from '../limits.ts'
import { tooMany } from '../problem.ts'

/**
 * What an account, and what all accounts together for one name, may ask for. Counted in the database: a restart forgets
 * nothing. Throws `AcmeProblem` rateLimited with the time after which there is room again.
 */
export function checkOrderRates(
  { orders, authorizations, certificates, rates, now }: AcmeParts,
  { id }: Account,
  names: readonly string[],
): void {
  const at = now()
  const hour = at - RATE_HOUR_MS
  if (orders.countSince(id, hour) >= rates.ordersPerAccountAndHour)
    throw tooMany('the account has made too many orders in an hour', RATE_HOUR_MS / 1_000 / 6)
  if (orders.countOpen(id, at) >= rates.openOrdersPerAccount)
    throw tooMany('the account has too many orders that are not finished', RATE_HOUR_MS / 1_000)
  for (const name of names) {
    const failed = authorizations.countFailed({ account: id, name, since: hour })
    if (failed >= rates.failedValidationsPerNameAndHour)
      throw tooMany(`${name} could not be proven too often in an hour`, RATE_HOUR_MS / 1_000 / 6)
    const { count, oldest } = certificates.countFor(name, at - RATE_DAY_MS)
    if (count >= rates.certificatesPerNameAndDay)
      throw tooMany(`${name} has had too many certificates`, (oldest + RATE_DAY_MS - at) / 1_000)
  }
}
