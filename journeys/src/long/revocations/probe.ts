import { toldEnv } from '../../config/env.ts'
import { settingsOf } from './settings.ts'
import { askMesh, identityOf, joinWith, mintToken } from '../../support/mesh.ts'
import { type DoorWatch, watchDoor } from '../../support/door-watch.ts'

/*
 * A thief with a certificate of order, at every door of the platform: run by `countersign run`, which tells it where
 * the join doors are. Prints one line a revocation: how long each door took, in milliseconds.
 */
const { home, rounds, doors, joinPort, trustDomain } = settingsOf(toldEnv())

for (let round = 0; round < rounds; round++) {
  const authority = doors.filter(({ name }) => name.startsWith('authority'))[round % 2]
  if (authority === undefined) throw new Error('there is no authority')
  const { ca } = identityOf(home, 'desk')
  const token = await mintToken(home, authority.port, 'order')
  const stolen = await joinWith(token, { name: 'order', trustDomain, joinPort, ca })
  const watches = await Promise.all(doors.map((door) => watchDoor(door, stolen)))
  const at = performance.now()
  const revoked = await askMesh(authority.port, identityOf(home, 'desk'), {
    path: '/v1/revocations',
    body: { of: { serial: stolen.serial }, reason: 'keyCompromise' },
  })
  if (revoked.status !== 201) throw new Error(`not revoked: ${JSON.stringify(revoked)}`)
  await allRefuse(watches, at + 10_000)
  // Long enough for a door that forgets.
  await new Promise((done) => setTimeout(done, 200))
  const doorsTook = watches.map((watch) => ({
    door: watch.name,
    cutMs: took(watch.cutAt, at),
    refusedMs: took(watch.refusedAt, at),
    resumptionRefusedMs: took(watch.resumptionRefusedAt, at),
    reopened: watch.reopened,
  }))
  for (const watch of watches) watch.close()
  console.log(JSON.stringify({ round, doors: doorsTook }))
}
process.exit(0)

async function allRefuse(watches: readonly DoorWatch[], end: number): Promise<void> {
  const open = (watch: DoorWatch): boolean =>
    watch.cutAt === undefined ||
    watch.refusedAt === undefined ||
    watch.resumptionRefusedAt === undefined
  while (watches.some(open) && performance.now() < end)
    await new Promise((done) => setTimeout(done, 10))
}

function took(at: number | undefined, from: number): number | null {
  return at === undefined ? null : Math.round((at - from) * 10) / 10
}
