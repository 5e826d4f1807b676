import type { Desk } from '../desk.ts'
import { currentLock } from '../home/lock.ts'
import { notRunning } from '../supervisor/control-client.ts'
import { readSeeds } from '../supervisor/seeds.ts'
import { type Door, openDoor } from './door.ts'

/** Gives a command the public door of the running platform for as long as `use` takes. */
export async function withDoor<T>(desk: Desk, use: (door: Door) => Promise<T>): Promise<T> {
  if (currentLock(desk.layout) === undefined) throw notRunning(desk.layout)
  const { publicUrl } = await readSeeds(desk.layout)
  const door = await openDoor({ url: publicUrl, bundle: desk.layout.bundle })
  try {
    return await use(door)
  } finally {
    await door.close()
  }
}
