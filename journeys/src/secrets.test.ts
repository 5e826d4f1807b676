import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { anOrder } from './support/door.ts'
import { sharedPlatform } from './support/shared.ts'

const platform = sharedPlatform()
/** Certificates and keys for verifying are for everybody; PostgreSQL and Redis choose modes themselves, in folders that nobody else can enter. */
const PUBLIC = /\/(bundle|cert)\.pem$|\/audit-key\.txt$|\/(postgres|redis)\//
afterAll(() => platform.door.close())

describe('the state folder', () => {
  test('holds no card number, no demo password and no access token in the clear', async () => {
    const token = await platform.token('customer')
    const placed = await platform.ask({ path: '/orders', token, body: anOrder() })
    expect(placed.status, placed.text).toBe(201)
    const people = JSON.parse(readFileSync(join(platform.home, 'credentials.json'), 'utf8'))
    const passwords =
      JSON.stringify(people)
        .match(/"password":"([^"]+)"/g)
        ?.map((found) => found.slice(12, -1)) ?? []
    expect(passwords.length).toBeGreaterThanOrEqual(4)
    const needles = ['4242424242424242', '4242 4242 4242 4242', token, ...passwords]
    const found = [...files(platform.home)]
      .filter((file) => !file.endsWith('/credentials.json'))
      .flatMap((file) => {
        const bytes = read(file)
        return needles
          .filter((needle) => bytes.includes(needle))
          .map((needle) => `${file}: ${needle.slice(0, 6)}…`)
      })
    expect(found).toEqual([])
  })

  test('is for its owner only', () => {
    const open = [...files(platform.home)].filter((file) => {
      const mode = statSync(file, { throwIfNoEntry: false })?.mode ?? 0
      return (mode & 0o077) !== 0 && !PUBLIC.test(file)
    })
    expect(open).toEqual([])
    expect(statSync(join(platform.home, 'credentials.json')).mode & 0o777).toBe(0o600)
    expect(statSync(join(platform.home, 'pki')).mode & 0o777).toBe(0o700)
  })
})

/** A platform that works makes and removes files while they are read. */
function read(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0)
    throw error
  }
}

/** Every file that can be read as one: sockets and the like hold nothing. Follows the link to the database of root. */
function* files(folder: string): Generator<string> {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name)
    const stat = statSync(path, { throwIfNoEntry: false })
    if (stat?.isDirectory()) yield* files(path)
    else if (stat?.isFile()) yield path
  }
}
