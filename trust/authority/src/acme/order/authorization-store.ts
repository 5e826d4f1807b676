import type { DatabaseSync } from 'node:sqlite'
import type { AcmeProblem } from '../problem.ts'
import type { Authorization, Challenge, KeptProblem } from './order.ts'

interface Row {
  id: string
  account: string
  name: string
  status: Authorization['status']
  expires_at: number
}
interface ChallengeRow {
  id: string
  authorization: string
  type: Challenge['type']
  token: string
  status: Challenge['status']
  validated_at: number | null
  problem: string | null
}

/** Authorizations and their challenges. What changes something is called within a `write` of the store. */
export class AuthorizationStore {
  readonly #db: DatabaseSync

  constructor(db: DatabaseSync) {
    this.#db = db
  }

  find(id: string): Authorization | undefined {
    const row = this.#db.prepare('SELECT * FROM acme_authorizations WHERE id = ?').get(id)
    return row === undefined ? undefined : this.#whole(row as unknown as Row)
  }

  findAll(ids: readonly string[]): Authorization[] {
    return ids.map((id) => this.find(id)).filter((found) => found !== undefined)
  }

  /** By the id of one of its challenges. */
  findChallenge(id: string): { authorization: Authorization; challenge: Challenge } | undefined {
    const row = this.#db.prepare('SELECT * FROM acme_challenges WHERE id = ?').get(id)
    if (row === undefined) return undefined
    const challenge = toChallenge(row as unknown as ChallengeRow)
    const authorization = this.find(challenge.authorization)
    return authorization === undefined ? undefined : { authorization, challenge }
  }

  /** A proof of control that counts until `until` at least; the one that counts longest. */
  findValid(wanted: { account: string; name: string; until: number }): Authorization | undefined {
    const sql = `SELECT * FROM acme_authorizations
      WHERE account = ? AND name = ? AND status = 'valid' AND expires_at > ?
      ORDER BY expires_at DESC LIMIT 1`
    const row = this.#db.prepare(sql).get(wanted.account, wanted.name, wanted.until)
    return row === undefined ? undefined : this.#whole(row as unknown as Row)
  }

  /** How often the account could not prove the name since then. */
  countFailed(wanted: { account: string; name: string; since: number }): number {
    const sql = `SELECT count(*) AS n FROM acme_authorizations
      WHERE account = ? AND name = ? AND status = 'invalid' AND decided_at > ?`
    const row = this.#db.prepare(sql).get(wanted.account, wanted.name, wanted.since)
    return (row as { n: number }).n
  }

  /** Challenges that a crash, or a stop, left in the middle. */
  processing(): string[] {
    const sql = "SELECT id FROM acme_challenges WHERE status = 'processing'"
    return this.#db
      .prepare(sql)
      .all()
      .map((row) => String(row.id))
  }

  insert(authorization: Omit<Authorization, 'status'>): void {
    const { id, account, name, expiresAt, challenges } = authorization
    const sql = `INSERT INTO acme_authorizations (id, account, name, status, expires_at)
      VALUES (?, ?, ?, 'pending', ?)`
    this.#db.prepare(sql).run(id, account, name, expiresAt)
    const each = this.#db.prepare(
      `INSERT INTO acme_challenges (id, "authorization", type, token, status)
       VALUES (?, ?, ?, ?, 'pending')`,
    )
    for (const { id: challenge, type, token } of challenges) each.run(challenge, id, type, token)
  }

  setProcessing(challenge: string): void {
    const sql = "UPDATE acme_challenges SET status = 'processing' WHERE id = ?"
    this.#db.prepare(sql).run(challenge)
  }

  /** Decides a challenge and its authorization, unless that was decided meanwhile. */
  decide(
    challenge: Challenge,
    outcome: { problem: AcmeProblem | undefined; now: number; validUntil: number },
  ): void {
    const { problem, now, validUntil } = outcome
    const status = problem === undefined ? 'valid' : 'invalid'
    const text = problem === undefined ? null : JSON.stringify(problem)
    this.#db
      .prepare(
        `UPDATE acme_challenges SET status = ?, validated_at = ?, problem = ?
         WHERE id = ? AND status = 'processing'`,
      )
      .run(status, problem === undefined ? now : null, text, challenge.id)
    this.#db
      .prepare(
        `UPDATE acme_authorizations SET status = ?, decided_at = ?,
         expires_at = CASE WHEN ? THEN ? ELSE expires_at END
         WHERE id = ? AND status = 'pending'`,
      )
      .run(status, now, problem === undefined ? 1 : 0, validUntil, challenge.authorization)
  }

  deactivate(id: string, now: number): void {
    const sql = `UPDATE acme_authorizations SET status = 'deactivated', decided_at = ?
      WHERE id = ? AND status IN ('pending', 'valid')`
    this.#db.prepare(sql).run(now, id)
  }

  #whole(row: Row): Authorization {
    const sql = 'SELECT * FROM acme_challenges WHERE "authorization" = ? ORDER BY type'
    const challenges = this.#db.prepare(sql).all(row.id) as unknown as ChallengeRow[]
    return {
      ...{ id: row.id, account: row.account, name: row.name },
      ...{ status: row.status, expiresAt: row.expires_at },
      challenges: challenges.map(toChallenge),
    }
  }
}

function toChallenge(row: ChallengeRow): Challenge {
  return {
    ...{ id: row.id, authorization: row.authorization, type: row.type },
    ...{ token: row.token, status: row.status },
    validatedAt: row.validated_at ?? undefined,
    problem: row.problem === null ? undefined : (JSON.parse(row.problem) as KeptProblem),
  }
}
