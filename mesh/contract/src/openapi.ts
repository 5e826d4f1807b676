import { z } from 'zod'
import { describe, type EndpointDescriptor } from './descriptor.ts'
import type { Contract, Endpoint } from './endpoint.ts'

type Json = Record<string, unknown>

/** The OpenAPI 3.1 page of a contract. Mounted applications describe themselves and are left out. */
export function openapi(contract: Contract<string, Record<string, Endpoint>>, version = '1'): Json {
  const paths: Record<string, Json> = {}
  for (const e of describe(contract).endpoints) {
    const declared = contract.endpoints[e.name]
    if (e.kind === 'mount' || declared === undefined) continue
    const path = e.path.replaceAll(/:([A-Za-z0-9]+)/g, '{$1}')
    paths[path] = {
      ...paths[path],
      [e.method.toLowerCase()]: operation(contract.name, e, declared),
    }
  }
  return {
    openapi: '3.1.0',
    info: { title: contract.name, version },
    paths,
    components: {
      securitySchemes: {
        person: {
          type: 'openIdConnect',
          openIdConnectUrl: '/auth/.well-known/openid-configuration',
        },
        workload: { type: 'mutualTLS' },
      },
      schemas: { Problem: problem },
    },
  }
}

function operation(service: string, e: EndpointDescriptor, declared: Endpoint): Json {
  const query =
    declared.query === undefined
      ? undefined
      : (z.toJSONSchema(declared.query, { io: 'input' }) as Json)
  const required = (query?.required ?? []) as readonly string[]
  return {
    operationId: `${service}.${e.name}`,
    ...(declared.summary === undefined ? {} : { summary: declared.summary }),
    security: e.roles === 'stranger' ? [{ workload: [] }] : [{ workload: [], person: [] }],
    parameters: [
      ...[...e.path.matchAll(/:([A-Za-z0-9]+)/g)].map(([, name]) => ({
        name,
        in: 'path',
        required: true,
        schema: { type: 'string' },
      })),
      ...Object.entries((query?.properties ?? {}) as Json).map(([name, schema]) => ({
        name,
        in: 'query',
        required: required.includes(name),
        schema,
      })),
    ],
    ...(declared.body === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            content: json(z.toJSONSchema(declared.body, { io: 'input' })),
          },
        }),
    responses: {
      [e.status]: {
        description: 'done',
        ...(declared.reply === undefined
          ? {}
          : { content: json(z.toJSONSchema(declared.reply, { unrepresentable: 'any' })) }),
      },
      default: {
        description: 'refused',
        content: {
          'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } },
        },
      },
    },
    'x-countersign-callers': e.callers,
    'x-countersign-roles': e.roles,
    'x-countersign-limit': e.limit,
  }
}

const json = (schema: unknown): Json => ({ 'application/json': { schema } })

/** RFC 9457, with the request id that `countersign explain` takes. */
const problem = {
  type: 'object',
  required: ['type', 'title', 'status', 'code', 'requestId'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    code: { type: 'string' },
    requestId: { type: 'string' },
    errors: {
      type: 'array',
      items: {
        type: 'object',
        properties: { field: { type: 'string' }, message: { type: 'string' } },
      },
    },
  },
}
