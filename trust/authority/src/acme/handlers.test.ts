import { Refusal } from '@countersign/layers'
import { describe, expect, it } from 'vitest'
import type { Acme } from './acme.ts'
import { acmeHandlers } from './handlers.ts'
import { AcmeProblem } from './problem.ts'

const made: object[] = []
const recorded: object[] = []
const events = { keyMade: async (key: object) => void recorded.push(key) }
const acme: Pick<Acme, 'createKey'> = {
  createKey: async (wanted) => {
    made.push(wanted)
    const { label, names } = wanted
    return { id: 'id', label, names, expiresAt: wanted.lifetimeMs, secret: Buffer.from('secret') }
  },
}
const directories = () => [
  'https://localhost:1/acme/directory',
  'https://localhost:2/acme/directory',
]
type Body = { label: string; names?: string[]; ttlSeconds?: number }

function ask(body: Body, server: Pick<Acme, 'createKey'> | undefined = acme) {
  const handlers = acmeHandlers({ acme: server, events: events as never, directories })
  return handlers.createAcmeKey({ body, permit: { caller: 'desk' }, requestId: 'r-1' } as never)
}

describe('a key that the desk asks for', () => {
  it('is made for the names, in their one spelling, and seen once', async () => {
    const reply = await ask({ label: 'nginx', names: ['WWW.acme.test'], ttlSeconds: 60 })
    expect(made).toEqual([{ label: 'nginx', names: ['www.acme.test'], lifetimeMs: 60_000 }])
    expect(reply).toEqual({
      ...{ keyId: 'id', macKey: Buffer.from('secret').toString('base64url') },
      ...{ directories: directories(), expiresAt: '1970-01-01T00:01:00.000Z' },
    })
    expect(recorded).toMatchObject([{ id: 'id', label: 'nginx' }])
  })

  it.each(['*.acme.test', 'a_b', '127.0.0.1', ''])('is not made for %j', async (name) => {
    await expect(ask({ label: 'x', names: [name] })).rejects.toMatchObject({ code: 'BODY_INVALID' })
  })

  it('is refused where there is no server for it, or no room', async () => {
    const none = acmeHandlers({ acme: undefined, events: events as never, directories })
    const input = { body: { label: 'x' }, permit: { caller: 'desk' }, requestId: 'r-1' } as never
    await expect(none.createAcmeKey(input)).rejects.toMatchObject({ code: 'CONFLICT' })
    const full = { createKey: () => Promise.reject(new AcmeProblem('rateLimited', 'full')) }
    await expect(ask({ label: 'x' }, full)).rejects.toBeInstanceOf(Refusal)
  })
})
