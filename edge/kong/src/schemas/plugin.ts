import { z } from 'zod'
import { common, name, oneOf, orNull, ref, set } from './kinds.ts'

const PROTOCOLS = ['grpc', 'grpcs', 'http', 'https'] as const

/** https://developer.konghq.com/gateway/entities/plugin/. What `config` holds is for the plugin's own schema. */
export const pluginSchema = z.strictObject({
  ...common,
  name,
  instance_name: orNull(name),
  service: orNull(ref),
  route: orNull(ref),
  consumer: orNull(ref),
  config: z.record(z.string(), z.unknown()).default({}),
  protocols: set(oneOf(...PROTOCOLS)).default([...PROTOCOLS]),
  enabled: z.boolean().default(true),
})
