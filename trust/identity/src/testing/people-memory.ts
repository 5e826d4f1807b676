import { setTimeout as delay } from 'node:timers/promises'
import type { people } from '@countersign/contract/platform'
import type { Client } from '@countersign/contract'

export interface TestPerson {
  id: string
  username: string
  password: string
  roles: string[]
  open: boolean
}

/**
 * The user service's two endpoints over a list. A wrong password takes its time and an unknown name none:
 * the worst that the provider could be given to hide.
 */
export function createTestPeople() {
  const list: TestPerson[] = ['admin', 'customer', 'support', 'auditor'].map((role) => ({
    id: `person-${role}`,
    username: role,
    password: `${role}-secret-${'x'.repeat(8)}`,
    roles: [role],
    open: true,
  }))
  const state = { away: false }
  const shown = (person: TestPerson | undefined) => ({
    person: person?.open ? { id: person.id, username: person.username, roles: person.roles } : null,
  })
  const client: Client<typeof people, 'identity'> = {
    async verifyPassword({ body: { username, password } }) {
      if (state.away) throw new Error('the user service is away')
      const person = list.find((each) => each.username === username)
      if (person !== undefined) await delay(60)
      return shown(person?.password === password ? person : undefined)
    },
    async describe({ params: { id } }) {
      if (state.away) throw new Error('the user service is away')
      return shown(list.find((each) => each.id === id))
    },
  }
  const named = (username: string): TestPerson => {
    const person = list.find((each) => each.username === username)
    if (person === undefined) throw new Error(`no test person ${username}`)
    return person
  }
  return { client, named, state, list }
}
