import type { AccountKey } from '../jws/account-key.ts'

/** Whoever holds a key and has shown that he may ask. */
export interface Account {
  readonly id: string
  readonly thumbprint: string
  readonly status: 'valid' | 'deactivated'
  readonly contacts: readonly string[]
  /** The key of ours that it was bound with, and what it proved that with (RFC 8555, 7.3.4). */
  readonly keyId: string | undefined
  readonly binding: string | undefined
  /** Names that it may ask for, with what is below them; undefined: whatever the operator allows. */
  readonly names: readonly string[] | undefined
  readonly createdAt: number
}

export type NewAccount = Omit<Account, 'thumbprint' | 'status'> & { readonly key: AccountKey }
