import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createGateway, readGatewaySettings } from '@countersign/gateway'
import { AUDIENCE, ISSUER } from '../mint.ts'
import { createWorld } from './world.ts'

/* The gateway as it is shipped, with all its layers, and of the platform around it only what it asks for. */
const { work, port, upstream, proxied } = JSON.parse(process.argv[2] ?? '{}') as {
  work: string
  port: number
  upstream: number
  /** Behind the balancer. */
  proxied?: boolean
}
const read = (name: string): string => readFileSync(join(work, name), 'utf8')
const settings = readGatewaySettings({
  GATEWAY_LISTEN: `127.0.0.1:${port}`,
  GATEWAY_PROXY_PROTOCOL: proxied === true ? 'required' : 'off',
  COUNTERSIGN_ISSUER: ISSUER,
  COUNTERSIGN_AUDIENCE: AUDIENCE,
})
const gateway = await createGateway(settings, createWorld({ read, upstream }))
process.once('SIGTERM', () => {
  void gateway.close().then(() => process.exit(0))
})
