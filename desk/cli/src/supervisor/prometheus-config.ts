import { stringify } from 'yaml'
import type { Layout } from '../home/layout.ts'
import type { ProcessSpec } from './process-spec.ts'

/**
 * A Prometheus configuration that scrapes every process over mTLS. The certificate files are those that the supervisor
 * renews; Prometheus reads them again at each new connection. It cannot check SPIFFE ids, so each target is checked
 * by the DNS name that stands beside the id in its certificate: `<name>.<trust domain>`.
 */
export function prometheusConfig(options: {
  specs: readonly ProcessSpec[]
  layout: Layout
  trustDomain: string
  /** The file with the alert rules. */
  rules: string | undefined
}): string {
  const { specs, layout, trustDomain, rules } = options
  const folder = layout.identity('prometheus')
  const jobs = Map.groupBy(specs, (spec) => spec.name)
  return stringify({
    global: { scrape_interval: '15s', scrape_timeout: '10s' },
    ...(rules === undefined ? {} : { rule_files: [rules] }),
    scrape_configs: [...jobs].map(([name, instances]) => ({
      job_name: name,
      scheme: 'https',
      metrics_path: '/metrics',
      tls_config: {
        ca_file: `${folder}/bundle.pem`,
        cert_file: `${folder}/cert.pem`,
        key_file: `${folder}/key.pem`,
        server_name: `${name}.${trustDomain}`,
        min_version: 'TLS13',
      },
      static_configs: instances.map((spec) => ({
        targets: [`127.0.0.1:${spec.port}`],
        labels: { service: name, instance: spec.instance },
      })),
    })),
  })
}
