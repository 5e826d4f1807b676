import { join } from 'node:path'
import { AppendFile } from '../append-file.ts'
import { ISSUED_BYTES_MAX } from '../limits.ts'

/** What one certificate was: enough to find it, and one day to revoke it. */
export interface IssuedRecord {
  readonly at: string
  readonly serial: string
  /** SPIFFE id, or the host names of a public door. */
  readonly name: string
  readonly notAfter: string
  readonly kind: IssueKind
}
export type IssueKind = 'join' | 'renew' | 'self' | 'public-door'

/** The list of all certificates, each written down before it leaves. Bounded: the older half goes to `issued.old.jsonl`. */
export class IssuedLog {
  readonly #file: AppendFile
  readonly #folder: string

  private constructor(file: AppendFile, folder: string) {
    this.#file = file
    this.#folder = folder
  }

  static async open(folder: string): Promise<IssuedLog> {
    return new IssuedLog(await AppendFile.open(join(folder, 'issued.jsonl')), folder)
  }

  /** Durable on return. */
  async record(record: IssuedRecord): Promise<void> {
    if (this.#file.bytes > ISSUED_BYTES_MAX) {
      await this.#file.setAside(join(this.#folder, 'issued.old.jsonl'))
    }
    await this.#file.append(record)
  }

  close(): Promise<void> {
    return this.#file.close()
  }
}
