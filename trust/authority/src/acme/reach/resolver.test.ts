import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '@countersign/ground/testkit'
import { expect, it } from 'vitest'
import { startDns } from '../testing/dns-server.ts'
import { ADDRESSES_MAX, HOSTS_BYTES_MAX } from '../limits.ts'
import { createResolver } from './resolver.ts'

it('finds names of this machine in its hosts file, and asks a named server alone', async () => {
  using folder = temporaryFolder()
  const hostsFile = join(folder.path, 'hosts')
  const many = Array.from({ length: ADDRESSES_MAX + 1 }, (_, i) => `127.0.0.${i + 1} many.test`)
  const lines = [
    '# a comment: 127.0.0.9 laptop.test',
    '127.0.0.2\tother.test  Laptop.test # 127.0.0.9 laptop.test',
    '::1 laptop.test laptop.test.',
    'nonsense laptop.test',
    '127.0.0.2 laptop.test',
    ...many,
  ]
  writeFileSync(hostsFile, lines.join('\r\n'))
  const system = createResolver(undefined, { hostsFile })
  expect(await system.addresses('laptop.test')).toEqual(['127.0.0.2', '::1'])
  await expect(system.addresses('many.test')).rejects.toThrow('too many addresses')
  const dns = await startDns(folder.path)
  try {
    dns.set('laptop.test', { a: ['127.0.0.7'] })
    const named = createResolver(dns.address, { hostsFile })
    expect(await named.addresses('laptop.test')).toEqual(['127.0.0.7'])
  } finally {
    dns.close()
  }
  writeFileSync(hostsFile, `127.0.0.2 laptop.test\n${'#'.repeat(HOSTS_BYTES_MAX)}`)
  const found = await system.addresses('laptop.test').catch(() => [])
  expect(found).not.toContain('127.0.0.2')
})
