import { readFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { describe as describeContract, type EndpointDescriptor } from '@countersign/contract'
import { contract as order } from '@countersign/order/contract'
import { contract as payment } from '@countersign/payment/contract'
import { contract as user } from '@countersign/user/contract'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sharedPlatform } from './support/shared.ts'

/*
 * Every endpoint of every service, refused to everybody whom its contract does not list. Nothing is written here by
 * hand: an endpoint that is added is tested with the next run.
 */
const ROLES = ['admin', 'customer', 'support', 'auditor'] as const
const SOMETHING = '00000000-0000-4000-8000-000000000000'
const platform = sharedPlatform()
const tokens = new Map<string, string>()
const ports = new Map<string, number>()

const endpoints = [user, order, payment]
  .map(describeContract)
  .flatMap(({ service, endpoints: of }) =>
    of.map((endpoint) => ({ name: `${service}.${endpoint.name}`, service, endpoint })),
  )
const isPublic = ({ endpoint }: { endpoint: EndpointDescriptor }): boolean =>
  endpoint.callers.includes('gateway')

beforeAll(async () => {
  for (const role of ROLES) tokens.set(role, await platform.token(role))
  for (const each of await platform.processes()) ports.set(each.service, each.port)
})
afterAll(() => platform.door.close())

const pathOf = ({ path }: EndpointDescriptor): string => path.replaceAll(/:[^/]+/g, SOMETHING)
const knock = async (endpoint: EndpointDescriptor, token?: string) => {
  const { status, json } = await platform.ask({
    method: endpoint.method,
    path: pathOf(endpoint),
    token,
  })
  return { status, code: json?.code }
}

describe('a public endpoint', () => {
  test.each(endpoints.filter(isPublic))(
    '$name is refused without a token, and to every role that it does not list',
    async ({ endpoint }) => {
      if (endpoint.roles === 'stranger') return
      expect(await knock(endpoint)).toEqual({ status: 401, code: 'TOKEN_MISSING' })
      for (const role of ROLES) {
        if (endpoint.roles === 'anyone' || endpoint.roles.includes(role)) continue
        expect(await knock(endpoint, tokens.get(role)), role).toEqual({
          status: 403,
          code: 'ROLE_MISSING',
        })
      }
    },
  )
})

describe('an endpoint of the mesh', () => {
  test.each(endpoints.filter((each) => !isPublic(each)))(
    '$name is not there at the public door',
    async ({ endpoint }) => {
      const { status } = await knock(endpoint, tokens.get('admin'))
      // Its path may be that of a public endpoint with another method.
      expect([404, 405]).toContain(status)
    },
  )
})

describe('every endpoint', () => {
  test.each(endpoints)(
    '$name is refused to a workload that it does not list',
    async ({ service, endpoint }) => {
      expect(endpoint.callers).not.toContain('desk')
      const file = (part: string): Buffer =>
        readFileSync(join(platform.home, 'run/identities/desk', `${part}.pem`))
      const answer = await new Promise<{ status: number; text: string }>((done, fail) => {
        const sent = request(
          {
            host: '127.0.0.1',
            port: ports.get(service),
            path: pathOf(endpoint),
            method: endpoint.method,
            key: file('key'),
            cert: file('cert'),
            ca: file('bundle'),
            checkServerIdentity: () => undefined,
            headers: { authorization: `Bearer ${tokens.get('admin')}` },
          },
          (response) => {
            let text = ''
            response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
            response.once('end', () => done({ status: response.statusCode ?? 0, text }))
          },
        )
        sent.once('error', fail).end()
      })
      expect(answer.status, answer.text).toBe(403)
      expect(JSON.parse(answer.text).code).toBe('CALLER_FORBIDDEN')
    },
  )
})
