import { z } from 'zod'
import { contract, endpoint } from '../endpoint.ts'

/** What every workload answers beside its own endpoints. */
export const operations = contract('operations', {
  /** Prometheus text format 0.0.4. */
  metrics: endpoint({
    at: 'GET /metrics',
    kind: 'raw',
    callers: ['prometheus', 'desk'],
    roles: 'stranger',
    limit: '50/second per caller',
  }),
  live: endpoint({
    at: 'GET /healthz',
    callers: ['workloads'],
    roles: 'stranger',
    limit: '200/second per caller',
    reply: z.object({ status: z.literal('ok') }),
  }),
  /** 200 when the instance takes work; 503 while it starts or drains. */
  ready: endpoint({
    at: 'GET /readyz',
    kind: 'raw',
    callers: ['workloads'],
    roles: 'stranger',
    limit: '200/second per caller',
  }),
  /** The OpenAPI 3.1 page of what this workload answers. */
  openapi: endpoint({
    at: 'GET /openapi.json',
    kind: 'raw',
    callers: ['desk'],
    roles: 'stranger',
    limit: '50/second per caller',
  }),
})
