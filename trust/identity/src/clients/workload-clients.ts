import { GATEWAY, workloadName } from '@countersign/contract'
import type { Adapter, ClientMetadata } from 'oidc-provider'

/**
 * Every workload of the trust domain is a client by the name in its certificate, and the certificate is its
 * credential (RFC 8705, section 2.1): nothing is registered and no secret is shared.
 *
 * - not the gateway: the certificate on its connections stands for whoever is outside
 */
export function workloadClient(trustDomain: string, clientId: string): ClientMetadata | undefined {
  const name = workloadName(trustDomain, clientId)
  if (name === undefined || name === GATEWAY) return undefined
  return {
    client_id: clientId,
    client_name: name,
    token_endpoint_auth_method: 'tls_client_auth',
    tls_client_auth_san_uri: clientId,
    tls_client_certificate_bound_access_tokens: true,
    grant_types: ['client_credentials'],
    response_types: [],
    redirect_uris: [],
  }
}

/** The provider's store of clients: it finds, and can neither add nor change. */
export function createWorkloadClients(trustDomain: string): Adapter {
  const refuse = async (): Promise<never> => {
    throw new Error('clients cannot be changed')
  }
  return {
    find: async (id) => workloadClient(trustDomain, id),
    findByUid: async () => undefined,
    findByUserCode: async () => undefined,
    upsert: refuse,
    consume: refuse,
    destroy: refuse,
    revokeByGrantId: refuse,
  }
}
