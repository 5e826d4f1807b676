import { z } from 'zod'
import { field, headerName, nested, optional } from '../schema.ts'

/** Configuration of proxy-cache (https://developer.konghq.com/plugins/proxy-cache/reference/). Times are seconds. */
const flag = field(z.boolean(), true)
const seconds = z
  .int()
  .gt(0, 'value must be greater than 0')
  .max(2 ** 31)
const mime = z
  .string()
  .max(256)
  .regex(
    /^[^\s/;,]+\/[^\s/;,]+\s*(?:;.*)?$/,
    'invalid value: a media type has the form type/subtype',
  )

const object = z.strictObject({
  response_code: field(z.array(z.int().min(100).max(900)).min(1).max(100), [200, 301, 404]),
  request_method: field(z.array(z.enum(['HEAD', 'GET', 'POST', 'PATCH', 'PUT'])).max(5), [
    'GET',
    'HEAD',
  ]),
  content_type: field(z.array(mime).max(100), ['text/plain', 'application/json']),
  cache_ttl: field(seconds, 300),
  strategy: z.enum(['memory']),
  cache_control: field(z.boolean(), false),
  ignore_uri_case: field(z.boolean(), false),
  storage_ttl: optional(seconds),
  memory: nested({ dictionary_name: field(z.string().min(1).max(128), 'kong_db_cache') }),
  vary_query_params: optional(z.array(z.string().min(1).max(256)).max(100)),
  vary_headers: optional(z.array(headerName).max(100)),
  response_headers: nested({ age: flag, 'X-Cache-Status': flag, 'X-Cache-Key': flag }),
})
export const proxyCacheSchema = object
export type ProxyCacheConfig = z.output<typeof object>
