import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { alertRulesFile } from '../checkout.ts'

/* The alert rules, and what promtool is told of when each of some should ring. */
interface Rule {
  readonly alert: string
  readonly expr: string
  readonly labels: { readonly severity: string }
  readonly annotations: { readonly summary: string; readonly runbook: string }
}
export const file = alertRulesFile() ?? ''
const text = readFileSync(file, 'utf8')
export const all: readonly Rule[] = parse(text).groups.flatMap(
  (group: { rules: Rule[] }) => group.rules,
)
/** Beside those that record a figure for them. */
export const rules = all.filter(({ alert }) => alert !== undefined)
const series = (name: string, labels: Record<string, string>, values: string) => ({
  series: `${name}{${Object.entries(labels)
    .map(([key, value]) => `${key}="${value}"`)
    .join(',')}}`,
  values,
})
const order = { instance: 'order-1', service: 'order', job: 'order' }
/** What promtool is told: time begins at 0, values come every minute. */
export const CASES = [
  {
    name: 'a certificate of an hour that is not renewed at half of its life',
    interval: '1m',
    input_series: [
      series('countersign_certificate_start_timestamp_seconds', order, '0x90'),
      series('countersign_certificate_expiry_timestamp_seconds', order, '3600x90'),
    ],
    alert_rule_test: [
      { eval_time: '40m', alertname: 'CountersignCertificateNotRenewed', exp_alerts: [] },
      {
        eval_time: '50m',
        alertname: 'CountersignCertificateNotRenewed',
        exp_alerts: [firing('CountersignCertificateNotRenewed', 'warning', order)],
      },
      { eval_time: '59m', alertname: 'CountersignCertificateExpired', exp_alerts: [] },
      {
        eval_time: '60m',
        alertname: 'CountersignCertificateExpired',
        exp_alerts: [firing('CountersignCertificateExpired', 'critical', order)],
      },
    ],
  },
  {
    name: 'one authority of two is down, then both',
    interval: '1m',
    input_series: [
      series('up', { job: 'authority', instance: 'authority-1', service: 'authority' }, '1x4 0x20'),
      series('up', { job: 'authority', instance: 'authority-2', service: 'authority' }, '1x9 0x20'),
    ],
    alert_rule_test: [
      { eval_time: '4m', alertname: 'CountersignAuthorityDown', exp_alerts: [] },
      {
        eval_time: '8m',
        alertname: 'CountersignAuthorityDown',
        exp_alerts: [
          firing('CountersignAuthorityDown', 'warning', {
            job: 'authority',
            instance: 'authority-1',
            service: 'authority',
          }),
        ],
      },
      { eval_time: '8m', alertname: 'CountersignAuthoritiesAllDown', exp_alerts: [] },
      {
        eval_time: '12m',
        alertname: 'CountersignAuthoritiesAllDown',
        exp_alerts: [firing('CountersignAuthoritiesAllDown', 'critical', {})],
      },
    ],
  },
  {
    name: 'a rotation that is blocked for a while, by the word of either authority',
    interval: '1m',
    input_series: [
      series(
        'countersign_rotation_blockers',
        { kind: 'root', step: 'retire', instance: 'authority-2' },
        '0x5 2x30',
      ),
    ],
    alert_rule_test: [
      { eval_time: '15m', alertname: 'CountersignRotationBlocked', exp_alerts: [] },
      {
        eval_time: '25m',
        alertname: 'CountersignRotationBlocked',
        exp_alerts: [
          firing('CountersignRotationBlocked', 'warning', { kind: 'root', step: 'retire' }, '2'),
        ],
      },
    ],
  },
  {
    name: 'a list that is not made anew, and one of an intermediate that was retired',
    interval: '1m',
    input_series: [
      series('countersign_crl_next_update_timestamp_seconds', { issuer: 'c1' }, '23400x60'),
      series('countersign_crl_next_update_timestamp_seconds', { issuer: 'c0' }, '23400x60'),
      series(
        'countersign_intermediate_expiry_timestamp_seconds',
        { authority: 'authority-1', intermediate: 'c1', state: 'active' },
        '99999999x60',
      ),
    ],
    alert_rule_test: [
      { eval_time: '30m', alertname: 'CountersignCrlEndsSoon', exp_alerts: [] },
      {
        eval_time: '50m',
        alertname: 'CountersignCrlEndsSoon',
        exp_alerts: [firing('CountersignCrlEndsSoon', 'warning', { issuer: 'c1' })],
      },
    ],
  },
  {
    name: 'an authority that another does not hear',
    interval: '1m',
    input_series: [
      series(
        'countersign_authority_peer_up',
        { instance: 'authority-1', authority: 'authority-2' },
        '1x4 0x20',
      ),
      series(
        'countersign_authority_peer_up',
        { instance: 'authority-2', authority: 'authority-2' },
        '1x24',
      ),
    ],
    alert_rule_test: [
      { eval_time: '4m', alertname: 'CountersignAuthorityUnheard', exp_alerts: [] },
      {
        eval_time: '8m',
        alertname: 'CountersignAuthorityUnheard',
        exp_alerts: [
          firing('CountersignAuthorityUnheard', 'warning', { authority: 'authority-2' }),
        ],
      },
    ],
  },
  {
    name: 'a workload that trusts an older bundle than the others',
    interval: '1m',
    input_series: [
      series('countersign_trust_sequence', order, '1x30'),
      series('countersign_trust_sequence', { ...order, instance: 'order-2' }, '1x9 2x20'),
    ],
    alert_rule_test: [
      { eval_time: '9m', alertname: 'CountersignTrustBehind', exp_alerts: [] },
      {
        eval_time: '16m',
        alertname: 'CountersignTrustBehind',
        exp_alerts: [firing('CountersignTrustBehind', 'warning', order)],
      },
    ],
  },
]

/** As promtool expects an alert: its labels, and the annotations with the labels put in. */
function firing(alert: string, severity: string, labels: Record<string, string>, value = '') {
  const rule = rules.find((each) => each.alert === alert)
  const fill = (template: string): string =>
    template
      .replaceAll(/\{\{ \$labels\.([a-z_]+) \}\}/g, (_, name) => labels[name] ?? '')
      .replaceAll('{{ $value }}', value)
  const { summary = '', runbook = '' } = rule?.annotations ?? {}
  return {
    exp_labels: { severity, ...labels },
    exp_annotations: { summary: fill(summary), runbook: fill(runbook) },
  }
}
