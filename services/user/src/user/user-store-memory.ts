import type { User } from '../domain/user.ts'
import type { UserStore } from './user-store.ts'

/** People in the memory of this process. For tests and for trying things out. */
export function createMemoryUserStore(): UserStore {
  const users = new Map<string, User>()
  const named = (username: string): User | undefined =>
    [...users.values()].find((user) => user.username === username)
  return {
    proof: { hop: 'database', engine: 'memory', transport: 'none' },
    async insert(user) {
      if (users.has(user.id) || named(user.username) !== undefined) return 'taken'
      users.set(user.id, structuredClone(user))
      return 'inserted'
    },
    async replace(user) {
      if (users.get(user.id)?.version !== user.version - 1) return false
      users.set(user.id, structuredClone(user))
      return true
    },
    async byId(id) {
      return structuredClone(users.get(id))
    },
    async byUsername(username) {
      return structuredClone(named(username))
    },
    async list({ after, limit }) {
      const bytes = (user: User): Buffer => Buffer.from(user.username)
      return [...users.values()]
        .sort((a, b) => Buffer.compare(bytes(a), bytes(b)))
        .filter(
          (user) => after === undefined || Buffer.compare(bytes(user), Buffer.from(after)) > 0,
        )
        .slice(0, limit)
        .map((user) => structuredClone(user))
    },
    async close() {
      users.clear()
    },
  }
}
