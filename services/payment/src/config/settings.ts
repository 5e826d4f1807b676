import { ConfigError, readSettings } from '@countersign/ground/config'
import { isNearby } from '@countersign/ground/store'
import type { Env } from '@countersign/service'
import { z } from 'zod'

const optional = z.string().min(1).optional()
const endpoint = z
  .url({ protocol: /^https?$/, error: 'is not an address that begins with https://' })
  .refine(
    (url) => url.startsWith('https:') || isNearby(new URL(url).hostname),
    'is on another machine and must begin with https://',
  )
  .optional()

/** Settings of the payment service. The master key is read by `masterKeyFrom`. */
export function settings(env: Env) {
  const read = readSettings(env, {
    /** The unix socket of an embedded DynamoDB; goes before the endpoint. */
    PAYMENT_DYNAMO_SOCKET: optional,
    PAYMENT_DYNAMO_ENDPOINT: endpoint,
    /** Alone it means AWS in that region. */
    PAYMENT_DYNAMO_REGION: optional,
    PAYMENT_DYNAMO_TABLE: z
      .string()
      .regex(/^[A-Za-z0-9_.-]{3,255}$/, 'is not the name of a DynamoDB table')
      .default('payments'),
    PAYMENT_REDIS_SOCKET: optional,
    PAYMENT_REDIS_URL: optional,
    PAYMENT_REDIS_USERNAME: optional,
    PAYMENT_REDIS_PASSWORD: optional,
  })
  const places = [
    read.PAYMENT_DYNAMO_SOCKET,
    read.PAYMENT_DYNAMO_ENDPOINT,
    read.PAYMENT_DYNAMO_REGION,
  ]
  if (places.every((place) => place === undefined))
    throw new ConfigError([
      'PAYMENT_DYNAMO_SOCKET, PAYMENT_DYNAMO_ENDPOINT or PAYMENT_DYNAMO_REGION is missing; one says where DynamoDB is',
    ])
  return read
}
