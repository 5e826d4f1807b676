import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { filterRequestHeaders, filterResponseHeaders } from './filter-headers.ts'

const names = (headers: readonly string[]): string[] => headers.filter((_, i) => i % 2 === 0)

describe('headers of a client', () => {
  it.each([
    'X-User-Id',
    'x-user-roles',
    'X-Consumer-Username',
    'X-Consumer-Custom-ID',
    'X-Credential-Identifier',
    'X-Authenticated-Groups',
    'X-Authenticated-Userid',
    'X-Forwarded-For',
    'X-Forwarded-Client-Cert',
    'x-forwarded-host',
    'Forwarded',
    'X-Forwarded',
    'X-Consumer',
    'X-User',
    'X-Userinfo',
    'X-Email',
    'X-Roles',
    'X_Groups',
    'X-Tenant-Id',
    'X-Client-Id',
    'X-Spiffe-Id',
    'X-JWT-Payload',
    'X-Auth-Request-Email',
    'X-Webauth-User',
    'X-Amzn-Oidc-Identity',
    'X-Goog-Authenticated-User-Email',
    'X-MS-Client-Principal-Name',
    'X-SSL-Cert',
    'SSL-Client-Verify',
    'Remote_User',
    'CF-Connecting-IP',
    'Fastly-Client-IP',
    'B3',
    'X-B3-TraceId',
    'Baggage',
    'Countersign-Not-Started',
    'X-Real-IP',
    'Client-Cert',
    'Client-Cert-Chain',
    'X-Original-URL',
    'X-Original-Forwarded-For',
    'X-Rewrite-URL',
    'X-HTTP-Method-Override',
    'X-Countersign-Person',
    'x_user_id',
    'X.User.Id',
    'X_Forwarded_For',
    'x-consumer_id',
    'X-Request-Id',
    'traceparent',
    'Transfer-Encoding',
    'TE',
    'Keep-Alive',
    'Proxy-Authorization',
    'Upgrade',
    'HTTP2-Settings',
    'Host',
    'Connection',
  ])('never pass on %s', (name) => {
    expect(filterRequestHeaders([name, 'x', 'Accept', '*/*'])).toEqual(['Accept', '*/*'])
  })

  it('pass on what a service needs, as it came', () => {
    const headers = [
      'Authorization',
      'Bearer a',
      'accept',
      'a',
      'Accept',
      'b',
      'Cookie',
      'c=d',
      'X-Custom',
      'e',
    ]
    expect(filterRequestHeaders(headers)).toEqual(headers)
  })

  it('lose what Connection names, but never the credential', () => {
    const headers = [
      'Connection',
      'close, X-Custom , authorization,cookie',
      'X-Custom',
      'a',
      'Authorization',
      'Bearer a',
      'Cookie',
      'b=c',
    ]
    expect(names(filterRequestHeaders(headers))).toEqual(['Authorization', 'Cookie'])
  })

  it('hold no spoofed name, however it is written', () => {
    const spelled = fc
      .tuple(
        fc.constantFrom('x-user-id', 'x-forwarded-for', 'x-consumer-id', 'forwarded'),
        fc.array(fc.nat(3), { maxLength: 20 }),
      )
      .map(([name, bends]) =>
        [...name]
          .map((c, i) =>
            c === '-'
              ? ['-', '_', '.', '-'][bends[i] ?? 0]
              : (bends[i] ?? 0) % 2
                ? c.toUpperCase()
                : c,
          )
          .join(''),
      )
    fc.assert(
      fc.property(spelled, (name) => {
        expect(filterRequestHeaders([name, 'x'])).toEqual([])
      }),
    )
  })

  it('are judged the same when there are very many names', () => {
    for (let i = 0; i < 2_000; i++) filterRequestHeaders([`x-n${i}`, ''])
    expect(filterRequestHeaders(['X-uSER-iD', 'x', 'x-n5000', 'y'])).toEqual(['x-n5000', 'y'])
  })
})

describe('headers of a service', () => {
  it('lose what is hop by hop, what names software, and limits that this door tells', () => {
    expect(
      filterResponseHeaders([
        'Content-Type',
        'a',
        'Connection',
        'keep-alive, x-inner',
        'X-Inner',
        'b',
        'Server',
        'c',
        'X-Powered-By',
        'd',
        'RateLimit',
        'e',
        'X-RateLimit-Limit-Second',
        'f',
        'Set-Cookie',
        'g=1',
        'Set-Cookie',
        'h=2',
        'x-request-id',
        'i',
        'Transfer-Encoding',
        'chunked',
      ]),
    ).toEqual(['Content-Type', 'a', 'Set-Cookie', 'g=1', 'Set-Cookie', 'h=2'])
  })
})
