import { createBalancer, readBalancerSettings } from '@countersign/balancer'
import { createLog, Metrics } from '@countersign/ground/telemetry'

/* The balancer as it is shipped, before gateways whose addresses it is told. */
const balancer = await createBalancer(readBalancerSettings(process.env), {
  log: createLog({ service: 'balancer', node: 'balancer-1', level: 'error' }),
  metrics: new Metrics(),
  audit: { record: () => {}, recordDurably: async () => {}, flush: async () => 0 },
  instances: () => ({
    ...{ current: () => [], stale: false, first: Promise.resolve() },
    ...{ onChange: () => () => {}, close: () => {} },
  }),
})
process.once('SIGTERM', () => {
  balancer.close()
  process.exit(0)
})
