import { createSecretKey, randomUUID } from 'node:crypto'
import { type Draft, EMPTY_STATE, insert, type World } from '@countersign/kong'
import { ControlPlane } from '../plane/control-plane.ts'
import { replaceAll } from '../plane/replace-all.ts'
import { ControlStore } from '../store/control-store.ts'

/* A process that changes everything at once, again and again, until it is killed. It says which generation is durable. */
const [folder = '', key = '', from = '0'] = process.argv.slice(2)
const SERVICES = 40
const store = new ControlStore(folder, {
  id: 'test',
  key: createSecretKey(Buffer.from(key, 'hex')),
})
const world = (): World => ({
  plugins: [],
  now: Date.now(),
  newId: randomUUID,
  newSecret: () => '',
})
const nothing = (): void => undefined
const events = {
  intended: async () => undefined,
  changed: nothing,
  refused: nothing,
  notKept: nothing,
  turnedAway: nothing,
  keys: nothing,
  file: nothing,
  answered: nothing,
}
const plane = new ControlPlane({ store, world, events })
for (let generation = Number(from) + 1; ; generation += 1) {
  const cause = { actor: { id: '', name: '' }, requestId: '', what: `generation ${generation}` }
  await plane.change(cause, (draft: Draft) => {
    replaceAll(draft, EMPTY_STATE)
    for (let i = 0; i < SERVICES; i++)
      insert(
        draft,
        'services',
        { input: { name: `s-${i}`, host: 'a', tags: [String(generation)] }, form: false },
        world(),
      )
  })
  process.stdout.write(`${generation}\n`)
}
