import { people } from '@countersign/contract/platform'
import { PASSWORD_CHARACTERS_MAX, USERNAME_CHARACTERS_MAX } from '../limits.ts'
import type { People, PeopleContext } from './people.ts'

/** People as the user service knows them, asked over the mesh. `workload` asks where no request does. */
export function createMeshPeople(workload: PeopleContext): People {
  return {
    async checkPassword(username, password, context = workload) {
      if (username.length === 0 || username.length > USERNAME_CHARACTERS_MAX) return undefined
      if (password.length === 0 || password.length > PASSWORD_CHARACTERS_MAX) return undefined
      const { person } = await context.call(people).verifyPassword({ body: { username, password } })
      return person ?? undefined
    },
    async find(id, context = workload) {
      const { person } = await context.call(people).describe({ params: { id } })
      // The store must not answer for somebody else than was asked for.
      return person?.id === id ? person : undefined
    },
  }
}
