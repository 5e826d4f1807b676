import { z } from 'zod'
import { contract, endpoint } from '../endpoint.ts'

const csr = z.string().max(8_192).describe('PKCS#10 request, PEM')
const name = z.string().regex(/^[a-z][a-z0-9-]{0,62}$/)

/** A certificate with its chain, and the roots that everybody trusts at this time. */
export const issuedSchema = z.strictObject({
  /** PEM, leaf first, without the root. */
  chain: z.string().max(65_536),
  /** PEM of every root to trust. */
  bundle: z.string().max(262_144),
})
export type Issued = z.infer<typeof issuedSchema>

/** Body of `POST /v1/join` at the authority's join door: the one place where a caller has no certificate yet. */
export const joinSchema = z.strictObject({ token: z.string().min(1).max(256), csr })
export type Join = z.infer<typeof joinSchema>

export const authority = contract('authority', {
  renew: endpoint({
    at: 'POST /v1/renew',
    summary: 'A new certificate for the name that the caller has proven by the old one',
    callers: ['workloads'],
    roles: 'stranger',
    limit: '600/minute per caller',
    body: z.strictObject({ csr }),
    reply: issuedSchema,
    idempotent: true,
  }),
  publicDoor: endpoint({
    at: 'POST /v1/public-door',
    summary:
      'A server certificate for the host names of the public door; the request is for the own SPIFFE id',
    callers: ['gateway'],
    roles: 'stranger',
    limit: '60/minute per caller',
    body: z.strictObject({ csr }),
    reply: issuedSchema,
    idempotent: true,
  }),
  bundle: endpoint({
    at: 'GET /v1/bundle',
    callers: ['workloads'],
    roles: 'stranger',
    limit: '600/minute per caller',
    reply: z.strictObject({ bundle: z.string() }),
  }),
  mintToken: endpoint({
    at: 'POST /v1/join-tokens',
    summary: 'A one-time token with which a workload of this name may join',
    callers: ['desk'],
    roles: 'stranger',
    limit: '600/minute per caller',
    body: z.strictObject({ name, ttlSeconds: z.int().min(1).max(86_400) }),
    reply: z.strictObject({ token: z.string(), expiresAt: z.iso.datetime() }),
    status: 201,
  }),
  /** Authorities tell each other of tokens: `minted` makes one usable everywhere, `spent` ends it everywhere. */
  shareToken: endpoint({
    at: 'PUT /v1/join-tokens/:hash',
    callers: ['authority'],
    roles: 'stranger',
    limit: '6000/minute per caller',
    body: z.strictObject({ name, expiresAt: z.iso.datetime(), spent: z.boolean() }),
    reply: z.strictObject({ spent: z.boolean().describe('whether it was spent before this call') }),
  }),
})
