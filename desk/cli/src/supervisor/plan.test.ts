import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { readConfig } from '../config/config.ts'
import { layoutOf } from '../home/layout.ts'
import { masterKeyEnv } from '../home/master-key.ts'
import { AUTHORITIES_MAX, GATEWAYS_MAX, PORT_BLOCKS } from '../limits.ts'
import { authoritiesOf, isOwnName, partsOf, STOP_ORDER } from './parts.ts'
import { planOf, portCount, portsFrom } from './plan.ts'
import { prometheusConfig } from './prometheus-config.ts'

const layout = layoutOf('/state')
const planWith = (env: Record<string, string>) => {
  const config = readConfig(env, '/nowhere')
  const free = Array.from({ length: portCount(config) }, (_, i) => 20_000 + i)
  const outside = Object.fromEntries(
    authoritiesOf(config).map((instance, i) => [instance, 14_001 + i]),
  )
  const ports = portsFrom(config, free, outside)
  const master = masterKeyEnv(config, { layout, env: {} })
  return planOf({
    config,
    layout,
    ports,
    master,
    own: { order: { ORDER_DATABASE_URL_FILE: '/f' } },
  })
}
const specs = planWith({ COUNTERSIGN_CERTIFICATES_LEAF_TTL: '60s' })
const PARTS = partsOf({ authorities: 2, gateways: 2 })
const envOf = (instance: string) => specs.find((spec) => spec.instance === instance)?.env ?? {}

describe('the plan', () => {
  test('gives each process a port and a folder of its own', () => {
    expect(new Set(specs.map((spec) => spec.port)).size).toBe(PARTS.length)
    const folders = specs.map((spec) => spec.env.COUNTERSIGN_STATE)
    expect(new Set(folders).size).toBe(PARTS.length)
  })

  test('gives the master key to those that seal, and to nobody else', () => {
    const keyed = specs.filter((spec) => spec.env.COUNTERSIGN_MASTER_KEY_FILE !== undefined)
    expect(new Set(keyed.map((spec) => spec.name))).toEqual(
      new Set(['authority', 'audit', 'control', 'identity', 'payment', 'gateway']),
    )
  })

  test('tells settings of one part to that part alone', () => {
    expect(envOf('order-1').ORDER_DATABASE_URL_FILE).toBe('/f')
    expect(Object.keys(envOf('user-1')).filter((name) => name.startsWith('ORDER_'))).toEqual([])
    expect(envOf('authority-1').AUTHORITY_LEAF_TTL).toBe('60')
    expect(envOf('authority-1').AUTHORITY_PEERS).toBe(envOf('authority-2').COUNTERSIGN_LISTEN)
  })

  test('has as many authorities as are configured, each with all the others for peers', () => {
    const five = planWith({ COUNTERSIGN_AUTHORITIES: '5' }).filter(
      ({ name }) => name === 'authority',
    )
    const addresses = five.map(({ env }) => String(env.COUNTERSIGN_LISTEN))
    for (const { env } of five) {
      const others = addresses.filter((each) => each !== env.COUNTERSIGN_LISTEN)
      expect(String(env.AUTHORITY_PEERS).split(',')).toEqual(others)
      expect(String(env.COUNTERSIGN_SEEDS).match(/authority=/g)).toHaveLength(5)
      expect(String(env.COUNTERSIGN_JOIN).split(',')).toHaveLength(5)
    }
    const [alone] = planWith({ COUNTERSIGN_AUTHORITIES: '1' })
    expect(alone?.env.AUTHORITY_PEERS).toBe('')
  })

  test('tells authorities how long things live, and where clients outside find them', () => {
    const [first, second] = planWith({
      COUNTERSIGN_CERTIFICATES_ROOT_TTL: '300d',
      COUNTERSIGN_CERTIFICATES_INTERMEDIATE_TTL: '30d',
      COUNTERSIGN_CERTIFICATES_ROTATION: 'manual',
      COUNTERSIGN_CERTIFICATES_ACME_RESOLVER: 'system, 10.0.0.1, [fd00::1]:53',
      COUNTERSIGN_CERTIFICATES_ACME_REJECT_NONCES: '0.2',
      COUNTERSIGN_CERTIFICATES_ACME_TTL: '30d',
      COUNTERSIGN_CERTIFICATES_ACME_NAMES: 'a.example, lan',
    })
    expect(first?.env).toMatchObject({
      AUTHORITY_ROOT_TTL: String(300 * 86_400),
      AUTHORITY_INTERMEDIATE_TTL: String(30 * 86_400),
      AUTHORITY_ROTATION: 'manual',
      AUTHORITY_ACME_RESOLVER: 'system,10.0.0.1,[fd00::1]:53',
      AUTHORITY_ACME_REJECT_NONCES: '0.2',
      AUTHORITY_ACME_TTL: String(30 * 86_400),
      AUTHORITY_OUTSIDE_LISTEN: '127.0.0.1:14001',
      AUTHORITY_OUTSIDE_URL: 'https://localhost:14001',
      AUTHORITY_ACME_NAMES: 'a.example,lan',
      AUTHORITY_ACME_NETWORKS: '127.0.0.0/8,::1/128',
    })
    expect(second?.env.AUTHORITY_OUTSIDE_URL).toBe('https://localhost:14002')
    expect(envOf('authority-1')).not.toHaveProperty('AUTHORITY_ACME_NAMES')
  })

  test('shares limits out among the gateways', () => {
    expect(envOf('gateway-1')).toMatchObject({ GATEWAY_SHARE_INDEX: '0', GATEWAY_SHARE_OF: '2' })
    expect(envOf('gateway-2')).toMatchObject({ GATEWAY_SHARE_INDEX: '1', GATEWAY_SHARE_OF: '2' })
    expect(envOf('balancer-1').BALANCER_GATEWAYS).toBe(
      [envOf('gateway-1').GATEWAY_LISTEN, envOf('gateway-2').GATEWAY_LISTEN].join(','),
    )
  })

  test('has as many gateways as are configured, each with its share, and the balancer before all', () => {
    for (const count of [1, 3, GATEWAYS_MAX]) {
      const all = planWith({ COUNTERSIGN_GATEWAYS: String(count) })
      const gateways = all.filter(({ name }) => name === 'gateway')
      expect(gateways.map(({ instance }) => instance)).toEqual(
        Array.from({ length: count }, (_, i) => `gateway-${i + 1}`),
      )
      for (const [i, { env }] of gateways.entries())
        expect(env).toMatchObject({
          GATEWAY_SHARE_INDEX: String(i),
          GATEWAY_SHARE_OF: String(count),
          COUNTERSIGN_MASTER_KEY_FILE: expect.any(String),
        })
      const doors = gateways.map(({ env }) => env.GATEWAY_LISTEN)
      expect(new Set(doors).size).toBe(count)
      const balancer = all.find(({ name }) => name === 'balancer')
      expect(balancer?.env.BALANCER_GATEWAYS).toBe(doors.join(','))
    }
  })

  test('fits into a block of ports at its largest, with some to spare', () => {
    const largest = { authorities: AUTHORITIES_MAX, gateways: GATEWAYS_MAX }
    expect(portCount(largest)).toBeLessThanOrEqual(PORT_BLOCKS.size - 10)
  })

  test('gives the control plane its own folder, the port of the Admin API, and the file where there is one', () => {
    expect(envOf('control-1')).toMatchObject({
      COUNTERSIGN_STATE: '/state/kong',
      CONTROL_ADMIN_LISTEN: '127.0.0.1:8001',
    })
    expect(envOf('control-1')).not.toHaveProperty('CONTROL_FILE')
    const chosen = planWith({ COUNTERSIGN_ADMIN_PORT: '0' }).find(({ name }) => name === 'control')
    expect(chosen?.env.CONTROL_ADMIN_LISTEN).toBe('127.0.0.1:0')
  })

  test('holds no secret', () => {
    for (const spec of specs) expect(JSON.stringify(spec.env)).not.toMatch(/PASSWORD"|TOKEN"|_KEY"/)
  })

  test('stops each process once, the log last', () => {
    const order = STOP_ORDER.flat()
    expect(order.toSorted()).toEqual([...new Set(PARTS.map((part) => part.name))].toSorted())
    expect(order.at(0)).toBe('balancer')
    expect(order.at(-1)).toBe('audit')
  })

  test('keeps the names of the platform', () => {
    for (const name of ['order', 'desk', 'prometheus', 'gateway'])
      expect(isOwnName(name)).toBe(true)
    expect(isOwnName('hello')).toBe(false)
  })

  test('becomes a configuration in which Prometheus checks every target by name', () => {
    const read = parse(
      prometheusConfig({ specs, layout, trustDomain: 'countersign.local', rules: '/alerts.yml' }),
    )
    expect(read.rule_files).toEqual(['/alerts.yml'])
    const targets = read.scrape_configs.flatMap((job: any) =>
      job.static_configs.flatMap((each: any) => each.targets),
    )
    expect(targets.toSorted()).toEqual(specs.map((spec) => `127.0.0.1:${spec.port}`).toSorted())
    for (const job of read.scrape_configs) {
      expect(job.scheme).toBe('https')
      expect(job.tls_config.server_name).toBe(`${job.job_name}.countersign.local`)
      expect(job.tls_config.insecure_skip_verify).toBeUndefined()
    }
  })
})
