import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addressBytes, addressText, plainAddress } from './ip-address.ts'
import { encodeProxyV2, parseProxyV2, proxyV2Remainder } from './proxy-v2.ts'

describe('PROXY protocol v2', () => {
  it('writes the bytes of the specification for TCP over IPv4', () => {
    const bytes = encodeProxyV2({
      command: 'proxy',
      source: { address: '192.0.2.1', port: 4660 },
      destination: { address: '127.0.0.1', port: 443 },
      uniqueId: 'ab',
    })
    expect(bytes.toString('hex')).toBe(
      '0d0a0d0a000d0a515549540a' +
        '2111' +
        '0011' +
        'c0000201' +
        '7f000001' +
        '1234' +
        '01bb' +
        '0500026162',
    )
  })

  it('carries IPv4 and IPv6 there and back', () => {
    const pair = fc.oneof(fc.tuple(fc.ipV4(), fc.ipV4()), fc.tuple(fc.ipV6(), fc.ipV6()))
    const port = fc.integer({ min: 0, max: 65_535 })
    fc.assert(
      fc.property(pair, port, fc.uuid(), ([from, to], sourcePort, uniqueId) => {
        const header = {
          command: 'proxy' as const,
          source: { address: plainAddress(from), port: sourcePort },
          destination: { address: plainAddress(to), port: 8443 },
          uniqueId,
        }
        expect(parseProxyV2(encodeProxyV2(header))).toEqual(header)
      }),
    )
  })

  it('sends both ends as IPv6 where only one of them is', () => {
    const bytes = encodeProxyV2({
      command: 'proxy',
      source: { address: '2001:db8::7', port: 1 },
      destination: { address: '127.0.0.1', port: 2 },
    })
    expect(parseProxyV2(bytes)).toMatchObject({
      source: { address: '2001:db8::7' },
      destination: { address: '127.0.0.1' },
    })
  })

  it('knows a health check', () => {
    expect(parseProxyV2(encodeProxyV2({ command: 'local' }))).toEqual({ command: 'local' })
  })

  it('never throws, whatever the bytes', () => {
    const good = encodeProxyV2({
      command: 'proxy',
      source: { address: '192.0.2.1', port: 1 },
      destination: { address: '192.0.2.2', port: 2 },
      uniqueId: 'x',
    })
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(good.length), (noise, at) => {
        parseProxyV2(noise)
        proxyV2Remainder(noise)
        const bent = Buffer.from(good)
        bent.set(noise.subarray(0, Math.max(0, bent.length - at)), at)
        parseProxyV2(bent)
      }),
    )
  })

  it.each([
    ['a wrong signature', (bytes: Buffer) => bytes.fill(0, 0, 1)],
    ['version 1', (bytes: Buffer) => bytes.fill(0x11, 12, 13)],
    ['an unknown command', (bytes: Buffer) => bytes.fill(0x22, 12, 13)],
    ['UDP', (bytes: Buffer) => bytes.fill(0x12, 13, 14)],
    ['a TLV longer than the header', (bytes: Buffer) => bytes.fill(0xff, 29, 31)],
    ['a byte too many', (bytes: Buffer) => Buffer.concat([bytes, Buffer.of(0)])],
    ['a byte too few', (bytes: Buffer) => bytes.subarray(0, -1)],
  ])('refuses %s', (_what, bend) => {
    const bytes = encodeProxyV2({
      command: 'proxy',
      source: { address: '192.0.2.1', port: 1 },
      destination: { address: '192.0.2.2', port: 2 },
      uniqueId: 'x',
    })
    expect(parseProxyV2(bytes)).toBeDefined()
    expect(parseProxyV2(bend(bytes))).toBeUndefined()
  })
})

describe('addresses', () => {
  it('has one form for one address', () => {
    expect(plainAddress('::ffff:127.0.0.1')).toBe('127.0.0.1')
    expect(plainAddress('::FFFF:7f00:1')).toBe('127.0.0.1')
    expect(plainAddress('2001:DB8:0:0:0:0:0:1')).toBe('2001:db8::1')
    expect(plainAddress('fe80::1%eth0')).toBe('fe80::1')
    expect(plainAddress('order')).toBe('order')
  })
  it('goes to bytes and back', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (address) => {
        const bytes = addressBytes(address)
        expect(bytes && addressText(bytes)).toBe(plainAddress(address))
      }),
    )
  })
})
