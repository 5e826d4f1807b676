import { temporaryFolder } from '@countersign/ground/testkit'
import { createOcspRequest, ocspIssuer, readOcspResponse } from '@countersign/ground/x509'
import { expect, it } from 'vitest'
import { openHouse, plantTree } from '../testing/status-house.ts'

it('what an authority answers of its certificates, our own reader believes', async () => {
  using folder = temporaryFolder()
  const tree = await plantTree('authority-1')
  const house = await openHouse({ folder: folder.path, tree })
  const issuer = tree.signers('authority-1')[0]?.certificate ?? ''
  const route = house.status.routes.find(
    ({ path, method }) => path === '/ocsp' && method === 'POST',
  )
  const ask = async (serial: string) => {
    const nonce = Buffer.alloc(32, 7)
    const body = createOcspRequest({ issuer: ocspIssuer(issuer), serial, nonce })
    const headers = { 'content-type': 'application/ocsp-request' }
    const reply = await route?.handle({ ...REQUEST, headers, body })
    const question = { issuer, serial, nonce, now: Date.now() }
    const verdict = readOcspResponse(Buffer.from(reply?.body ?? ''), question)
    return typeof verdict === 'string' ? verdict : verdict.status
  }
  const held = await house.serve('localhost')
  expect([await ask(held.serial), await ask('a1')]).toEqual(['good', 'unknown'])
  await house.revocations.revoke({ serial: held.serial }, 'superseded', 'desk')
  expect(await ask(held.serial)).toBe('revoked')
  await house.close()
})

const REQUEST = {
  ...{ method: 'POST', path: '/ocsp', params: {}, query: new URLSearchParams() },
  ...{ address: '127.0.0.1', baseUrl: 'https://localhost:1', requestId: 'test' },
  signal: new AbortController().signal,
}
