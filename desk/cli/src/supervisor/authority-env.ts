import type { Env } from '@countersign/service'
import type { Config } from '../config/config.ts'
import type { PlanFacts, Ports } from './plan.ts'

/** What one authority is told: where its doors are, who its peers are, how long things live. */
export function authorityEnv(
  instance: string,
  { config, layout, ports }: Pick<PlanFacts, 'config' | 'layout' | 'ports'>,
): Env {
  const peers = Object.keys(ports.join).filter((each) => each !== instance)
  const port = ports.outside[instance]
  return {
    AUTHORITY_FOLDER: layout.pki,
    AUTHORITY_PEERS: peers.map((peer) => `127.0.0.1:${ports.mesh[peer]}`).join(','),
    AUTHORITY_JOIN_LISTEN: `127.0.0.1:${ports.join[instance]}`,
    AUTHORITY_LEAF_TTL: String(config['certificates.leafTtl']),
    AUTHORITY_INTERMEDIATE_TTL: String(config['certificates.intermediateTtl']),
    AUTHORITY_ROOT_TTL: String(config['certificates.rootTtl']),
    AUTHORITY_ROTATION: config['certificates.rotation'],
    AUTHORITY_OUTSIDE_LISTEN: `${config['certificates.outside.listen']}:${port}`,
    AUTHORITY_OUTSIDE_URL: outsideUrl(instance, { config, ports }),
    ...acmeEnv(config),
    ...kubernetesEnv(config),
  }
}

/** Address of an authority's door for clients that are no workloads, as their users write it. */
export function outsideUrl(
  instance: string,
  { config, ports }: { config: Config; ports: Ports },
): string {
  return `https://${inUrl(config['certificates.outside.host'])}:${ports.outside[instance]}`
}

function acmeEnv(config: Config): Env {
  return said({
    AUTHORITY_ACME_NAMES: config['certificates.acme.names'],
    AUTHORITY_ACME_NETWORKS: config['certificates.acme.networks'],
    AUTHORITY_ACME_RESOLVER: config['certificates.acme.resolver'],
    AUTHORITY_ACME_HTTP_PORT: config['certificates.acme.httpPort'],
    AUTHORITY_ACME_TLS_PORT: config['certificates.acme.tlsPort'],
    AUTHORITY_ACME_TTL: config['certificates.acme.ttl'],
    AUTHORITY_ACME_BINDING: config['certificates.acme.binding'],
    AUTHORITY_ACME_CAA: config['certificates.acme.caa'],
    AUTHORITY_ACME_TERMS: config['certificates.acme.terms'],
    AUTHORITY_ACME_WEBSITE: config['certificates.acme.website'],
    AUTHORITY_ACME_REJECT_NONCES: config['certificates.acme.rejectNonces'],
  })
}

function kubernetesEnv(config: Config): Env {
  return said({
    AUTHORITY_KUBERNETES_ISSUER: config['kubernetes.issuer'],
    AUTHORITY_KUBERNETES_AUDIENCE: config['kubernetes.audience'],
    AUTHORITY_KUBERNETES_JWKS: config['kubernetes.jwksUrl'] ?? config['kubernetes.jwksFile'],
    AUTHORITY_KUBERNETES_CA_FILE: config['kubernetes.caFile'],
    AUTHORITY_KUBERNETES_ACCOUNTS: config['kubernetes.accountsFile'],
  })
}

/** What was said; the authority has its own defaults for the rest. */
function said(settings: Readonly<Record<string, string | number | undefined>>): Env {
  return Object.fromEntries(
    Object.entries(settings).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, String(value)]],
    ),
  )
}

const inUrl = (host: string): string => (host.includes(':') ? `[${host}]` : host)
