import type { Client } from '@countersign/contract'
import { control } from '@countersign/contract/platform'
import { CallError } from '@countersign/service'
import type { Desk } from '../desk.ts'
import { logInAs } from '../door/log-in-as.ts'
import { openIdentityDoor } from '../door/identity-door.ts'
import { DeskError } from '../errors.ts'
import { currentLock } from '../home/lock.ts'
import { withDeskLink } from '../mesh/desk-link.ts'
import { refused } from '../mesh/refused.ts'
import { notRunning } from '../supervisor/control-client.ts'

export type ControlClient = Client<typeof control, 'desk'>

/**
 * Asks the control plane of the gateways on behalf of a person, who logs in for it. Throws `DeskError` with the words of
 * the control plane where it refuses.
 */
export async function withControl<T>(
  desk: Desk,
  person: string,
  use: (client: ControlClient) => Promise<T>,
): Promise<T> {
  const { accessToken } = await logInPast(desk, person)
  return withDeskLink(desk, async (link) => {
    try {
      return await use(link.callFor(control, { token: accessToken }))
    } catch (error) {
      if (!(error instanceof CallError)) throw error
      if (error.code === 'REFUSED') throw refused(error)
      throw new DeskError('FAILED', `${error.message}\nSee: countersign status`, { cause: error })
    }
  })
}

/** Past the gateways: what an administrator is about to put right may be that they let nobody in. */
async function logInPast(desk: Desk, person: string): ReturnType<typeof logInAs> {
  if (currentLock(desk.layout) === undefined) throw notRunning(desk.layout)
  const door = await openIdentityDoor(desk)
  try {
    return await logInAs(desk, door, person)
  } finally {
    await door.close()
  }
}
