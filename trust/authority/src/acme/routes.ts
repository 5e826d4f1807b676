import { keyChange } from './account/key-change.ts'
import { newAccount } from './account/new-account.ts'
import { listOrders, updateAccount } from './account/update-account.ts'
import type { AccountCall, AcmeParts, AcmeReply, Call } from './call.ts'
import { downloadAlternate, downloadCertificate } from './certificate/download.ts'
import { revokeCertificate } from './certificate/revoke-certificate.ts'
import { respond } from './challenge/respond.ts'
import type { KeyWay } from './jws/authenticate.ts'
import { finalize } from './order/finalize.ts'
import { newOrder } from './order/new-order.ts'
import { readAuthorization, readOrder } from './order/read-order.ts'
import { notFound } from './problem.ts'

type Reply = AcmeReply | Promise<AcmeReply>
export interface AcmeRoute {
  readonly path: string
  /** How the sender names its key: `kid` of an account, `jwk`, or either. */
  readonly way: KeyWay
  run(parts: AcmeParts, call: Call): Reply
}

function forAccount(run: (parts: AcmeParts, call: AccountCall) => Reply): AcmeRoute['run'] {
  return (parts, call) => {
    const { account } = call
    if (account === undefined) throw notFound()
    return run(parts, { ...call, account })
  }
}

/** Everything that is asked with a signature (RFC 8555, 7). */
// biome-ignore format: a table
export const ROUTES: readonly AcmeRoute[] = [
  { path: '/acme/new-account',               way: 'key',     run: newAccount },
  { path: '/acme/account/:id',               way: 'account', run: forAccount(updateAccount) },
  { path: '/acme/account/:id/orders',        way: 'account', run: forAccount(listOrders) },
  { path: '/acme/account/:id/orders/:after', way: 'account', run: forAccount(listOrders) },
  { path: '/acme/key-change',                way: 'account', run: forAccount(keyChange) },
  { path: '/acme/new-order',                 way: 'account', run: forAccount(newOrder) },
  { path: '/acme/order/:id',                 way: 'account', run: forAccount(readOrder) },
  { path: '/acme/order/:id/finalize',        way: 'account', run: forAccount(finalize) },
  { path: '/acme/authz/:id',                 way: 'account', run: forAccount(readAuthorization) },
  { path: '/acme/chall/:id',                 way: 'account', run: forAccount(respond) },
  { path: '/acme/cert/:id',                  way: 'account', run: forAccount(downloadCertificate) },
  { path: '/acme/cert/:id/:chain',           way: 'account', run: forAccount(downloadAlternate) },
  { path: '/acme/revoke-cert',               way: 'either',  run: revokeCertificate },
]
