import type { people } from '@countersign/contract/platform'
import type { Client } from '@countersign/contract'

/** A person as tokens name one. */
export interface Person {
  readonly id: string
  readonly username: string
  readonly roles: readonly string[]
}

/** The request on whose behalf is asked, so that the call carries its id and trace. */
export interface PeopleContext {
  call(contract: typeof people): Client<typeof people, 'identity'>
}

/**
 * Who the people are. The answer is of this moment, never from a cache.
 * Both give `undefined` alike for unknown, disabled and wrong; both reject when nobody can tell.
 */
export interface People {
  /** `username` in canonical form. Takes the same time whether or not there is such a person. */
  checkPassword(
    username: string,
    password: string,
    context?: PeopleContext,
  ): Promise<Person | undefined>
  find(id: string, context?: PeopleContext): Promise<Person | undefined>
}
