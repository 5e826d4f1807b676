import type { StatusIssuer } from './ports.ts'

/** The keys of the roots that are not off line. Each use unseals one: it is asked for when a list is signed, not before. */
export interface RootKeys {
  /** Key ids. */
  list(): Promise<readonly string[]>
  read(id: string): Promise<StatusIssuer | undefined>
}

/** A CA whose list is signed here. */
export interface CrlIssuer {
  readonly id: string
  open(): Promise<StatusIssuer | undefined>
}

/** The CAs whose keys are here: intermediates of this authority, and roots. */
export async function crlIssuers(
  signers: readonly StatusIssuer[],
  roots: RootKeys | undefined,
): Promise<CrlIssuer[]> {
  const own = signers.map((signer) => ({ id: signer.id, open: async () => signer }))
  const ids = (await roots?.list()) ?? []
  return [...own, ...ids.map((id) => ({ id, open: async () => await roots?.read(id) }))]
}
