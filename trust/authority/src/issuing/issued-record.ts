import type { SQLOutputValue } from 'node:sqlite'
import type { IssueKind } from './issue-request.ts'

/** `intent`: written before the signature. What a crash left so is `abandoned`; nothing of it has left. */
export type IssuedState = 'intent' | 'issued' | 'failed' | 'abandoned'

/** What one certificate is, or was going to be. Times in milliseconds since 1970. */
export interface IssuedRecord {
  readonly serial: string
  readonly lineage: string
  /** Key id of its issuer. */
  readonly issuer: string
  /** SPIFFE id, or host names divided by commas. */
  readonly name: string
  readonly kind: IssueKind
  readonly state: IssuedState
  readonly notBefore: number
  readonly notAfter: number
  readonly askedAt: number
  readonly asker: string | undefined
  /** SHA-256 of the SubjectPublicKeyInfo, hex. */
  readonly keyHash: string
  /** DER; of an issued one only. */
  readonly certificate: Buffer | undefined
  /** Why there is no certificate. */
  readonly reason: string | undefined
  /** The instance that says it shows this certificate. */
  readonly claimedBy: string | undefined
}
export type Intent = Omit<IssuedRecord, 'state' | 'certificate' | 'reason' | 'claimedBy'>

/** A record from its row. */
export function readRow(row: Record<string, SQLOutputValue>): IssuedRecord {
  const certificate = row.certificate
  return {
    serial: String(row.serial),
    lineage: String(row.lineage),
    issuer: String(row.issuer),
    name: String(row.name),
    kind: row.kind as IssueKind,
    state: row.state as IssuedState,
    notBefore: Number(row.not_before),
    notAfter: Number(row.not_after),
    askedAt: Number(row.asked_at),
    asker: text(row.asker),
    keyHash: String(row.key_hash),
    certificate: certificate instanceof Uint8Array ? Buffer.from(certificate) : undefined,
    reason: text(row.reason),
    claimedBy: text(row.claimed_by),
  }
}

function text(value: SQLOutputValue | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined
}
