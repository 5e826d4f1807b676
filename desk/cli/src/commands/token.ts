import type { Desk } from '../desk.ts'
import { logInAs } from '../door/log-in-as.ts'
import { withDoor } from '../door/with-door.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'

/** `countersign token`: standard output holds the access token and nothing else. */
export async function token(
  desk: Desk,
  person: string,
  options: { json?: boolean },
): Promise<ExitCode> {
  const tokens = await withDoor(desk, (door) => logInAs(desk, door, person))
  if (options.json === true) {
    desk.output.json({
      accessToken: tokens.accessToken,
      idToken: tokens.idToken,
      tokenType: tokens.tokenType,
      expiresIn: tokens.expiresIn,
      claims: claimsOf(tokens.accessToken),
    })
  } else desk.output.line(tokens.accessToken)
  return EXIT.ok
}

/** What a token says. Whether it may say so is for the doors to judge; this is for people to read. */
export function claimsOf(jws: string): Record<string, unknown> {
  const [, payload = ''] = jws.split('.')
  const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'))
  return typeof claims === 'object' && claims !== null ? { ...claims } : {}
}
