import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { readConfig } from '../config/config.ts'
import { layoutOf } from '../home/layout.ts'
import { isOwnName, PARTS, PORT_COUNT, planOf, portsFrom, STOP_ORDER } from './plan.ts'
import { prometheusConfig } from './prometheus-config.ts'

const layout = layoutOf('/state')
const config = readConfig({ COUNTERSIGN_CERTIFICATES_LEAF_TTL: '60s' }, '/nowhere')
const ports = portsFrom(Array.from({ length: PORT_COUNT }, (_, i) => 20_000 + i))
const specs = planOf({ config, layout, ports, own: { order: { ORDER_DATABASE_URL_FILE: '/f' } } })
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
      new Set(['authority', 'audit', 'identity', 'payment', 'gateway']),
    )
  })

  test('tells settings of one part to that part alone', () => {
    expect(envOf('order-1').ORDER_DATABASE_URL_FILE).toBe('/f')
    expect(Object.keys(envOf('user-1')).filter((name) => name.startsWith('ORDER_'))).toEqual([])
    expect(envOf('authority-1').AUTHORITY_LEAF_TTL).toBe('60')
    expect(envOf('authority-1').AUTHORITY_PEER).toBe(envOf('authority-2').COUNTERSIGN_LISTEN)
  })

  test('shares limits out among the gateways', () => {
    expect(envOf('gateway-1')).toMatchObject({ GATEWAY_SHARE_INDEX: '0', GATEWAY_SHARE_OF: '2' })
    expect(envOf('gateway-2')).toMatchObject({ GATEWAY_SHARE_INDEX: '1', GATEWAY_SHARE_OF: '2' })
    expect(envOf('balancer-1').BALANCER_GATEWAYS).toBe(
      [envOf('gateway-1').GATEWAY_LISTEN, envOf('gateway-2').GATEWAY_LISTEN].join(','),
    )
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
    const read = parse(prometheusConfig({ specs, layout, trustDomain: 'countersign.local' }))
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
