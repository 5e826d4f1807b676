import { LoginError, logIn, type TokenSet } from '@countersign/identity'
import type { Desk } from '../desk.ts'
import { DeskError } from '../errors.ts'
import { readCredentials } from '../home/credentials.ts'
import type { Door } from './door.ts'

/** Logs a demo person in at the public door: authorization code with PKCE, as any client would. */
export async function logInAs(
  desk: Desk,
  door: Pick<Door, 'url' | 'fetch'>,
  person: string,
): Promise<TokenSet> {
  const people = await readCredentials(desk.layout)
  const found = people.find((each) => each.username === person)
  if (found === undefined) {
    const known = people.map((each) => each.username).join(', ')
    throw new DeskError(
      'USAGE',
      `there is no demo person ${JSON.stringify(person)}; there are ${known}`,
    )
  }
  let requestId: string | null = null
  const fetch: Door['fetch'] = async (url, init) => {
    const response = await door.fetch(url, init)
    requestId = response.headers.get('x-request-id')
    return response
  }
  try {
    const { username, password } = found
    return await logIn({ issuer: `${door.url}/auth`, fetch, username, password })
  } catch (error) {
    if (error instanceof LoginError)
      throw new DeskError(
        'FAILED',
        `${person} cannot log in: ${error.message}${requestId === null ? '' : ` (countersign explain ${requestId})`}`,
        { cause: error },
      )
    throw error
  }
}
