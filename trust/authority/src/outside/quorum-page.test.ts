import { createHash, X509Certificate } from 'node:crypto'
import type { Quorum } from '@countersign/contract/platform'
import { spiffeId } from '@countersign/ground/spiffe'
import { createRoot, generateKeyPair } from '@countersign/ground/x509'
import { describe, expect, test } from 'vitest'
import { QUORUM_PAGE_CSP, quorumPage } from './quorum-page.ts'
import { quorumRoute } from './quorum-route.ts'

const NOW = Date.UTC(2026, 10, 20, 12)
const ROOT = 'a'.repeat(40)
const CA = 'c'.repeat(40)
const quorum: Quorum = {
  instance: 'authority-1',
  sequence: 7,
  revision: 'the-revision',
  roots: [{ id: ROOT, state: 'active', notAfter: NOW + 1_000, keyIsHere: true }],
  authorities: [
    {
      instance: 'authority-1',
      up: true,
      sequence: 7,
      intermediates: [
        { id: CA, root: ROOT, state: 'active', notAfter: NOW + 2_000 },
        { id: 'd'.repeat(40), root: ROOT, state: 'next', notAfter: NOW + 3_000 },
      ],
    },
    { instance: 'authority-2', up: false, seenAt: NOW - 60_000, intermediates: [] },
  ],
  revocations: 12_345,
}
const fingerprints = new Map([[ROOT, 'ab'.repeat(32)]])
const page = quorumPage({ trustDomain: 'test.local', quorum, fingerprints, lists: [CA], now: NOW })

describe('the quorum page', () => {
  test('shows who is up, with which intermediate, until when', () => {
    expect(page).toContain('Trust bundle number 7')
    expect(page).toMatch(
      /<th scope="row">authority-1<\/th><td>up<\/td><td>7<\/td><td><code>c{40}<\/code><\/td><td>active<\/td><td><time datetime="2026-11-20T12:00:02Z">/,
    )
    expect(page).toMatch(/authority-2<\/th><td>down since <time datetime="2026-11-20T11:59:00Z">/)
    expect(page).toContain(Array(32).fill('AB').join(':'))
    expect(page).toContain('href="/roots.pem"')
    expect(page).toContain(`href="/crl/${CA}.crl"`)
  })

  test('says nothing that is not public: where the root key is, how much was taken back', () => {
    expect(page).not.toMatch(/keyIsHere|key.*here|12345|12 345|the-revision/)
  })

  test('escapes everything, whoever said it', () => {
    const hostile = '<img src=x onerror=alert(1)>"\'&'
    const escaped = quorumPage({
      trustDomain: hostile,
      quorum: {
        ...quorum,
        instance: hostile,
        authorities: [{ ...quorum.authorities[0], instance: hostile }] as never,
      },
      fingerprints: new Map([[ROOT, hostile]]),
      lists: [hostile],
      now: NOW,
    })
    expect(escaped).not.toMatch(/<img|onerror=alert\(1\)>/)
    expect(escaped).toContain('&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;')
    for (const href of escaped.matchAll(/href="([^"]*)"/g)) expect(href[1]).toMatch(/^\/[^<>'\s]*$/)
  })

  test('is whole: every element that opens is closed, in order', () => {
    const VOID = new Set(['meta', '!doctype'])
    const open: string[] = []
    for (const [, end, name = ''] of page.matchAll(/<(\/?)([a-z0-9!]+)/g)) {
      if (VOID.has(name)) continue
      if (end === '') open.push(name)
      else expect(open.pop()).toBe(name)
    }
    expect(open).toEqual([])
    expect(page).toMatch(/^<!doctype html>\n<html lang="en">/)
  })

  test('allows its own style by hash, and nothing else', () => {
    const [, style = ''] = /<style>([\s\S]*)<\/style>/.exec(page) ?? []
    const hash = createHash('sha256').update(style).digest('base64')
    expect(QUORUM_PAGE_CSP).toContain("default-src 'none'")
    expect(QUORUM_PAGE_CSP).toContain(`style-src 'sha256-${hash}'`)
    expect(page).not.toMatch(/<script|style="|javascript:|https?:\/\//)
  })
})

describe('the route of the page', () => {
  test('names each root by the SHA-256 of its certificate', async () => {
    const keys = await generateKeyPair()
    const certificate = await createRoot({
      trustDomainId: spiffeId('test.local'),
      commonName: 'root',
      keys,
      span: { notBefore: NOW, notAfter: NOW + 1_000 },
      pathLength: 1,
    })
    const route = quorumRoute({
      trustDomain: 'test.local',
      quorum: () => quorum,
      roots: () => [{ id: ROOT, certificate }],
      lists: () => [],
    })
    const reply = await route.handle({} as never)
    expect(reply.status).toBe(200)
    expect(reply.headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': QUORUM_PAGE_CSP,
      'cache-control': 'no-store',
    })
    expect(String(reply.body)).toContain(new X509Certificate(certificate).fingerprint256)
  })
})
