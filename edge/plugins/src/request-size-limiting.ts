import type { Plugin, PluginRequest } from '@countersign/kong'
import { Refusal } from '@countersign/layers'
import { z } from 'zod'
import { field } from './schema.ts'

/*
 * How long a body may be (https://developer.konghq.com/plugins/request-size-limiting/): by the length that is
 * declared, and by counting where none is. The gateway's own bound holds beside it.
 */

const UNITS = { megabytes: 2 ** 20, kilobytes: 2 ** 10, bytes: 1 } as const

const schema = z.strictObject({
  allowed_payload_size: field(z.int().min(0), 128),
  size_unit: field(z.enum(['megabytes', 'kilobytes', 'bytes']), 'megabytes'),
  require_content_length: field(z.boolean(), false),
})
type Config = z.output<typeof schema>

export const requestSizeLimiting: Plugin<Config> = {
  name: 'request-size-limiting',
  priority: 951,
  schema,
  safer: [
    {
      field: 'require_content_length',
      kong: 'a body in chunks passes',
      here: 'a body in chunks is refused with 411',
      why: 'it is the one form of a body that does not tell its length',
    },
  ],
  create(config) {
    const bytesMax = config.allowed_payload_size * UNITS[config.size_unit]
    return {
      access(asked) {
        if (asked.contentLength === undefined) return checkUntold(asked, config, bytesMax)
        if (asked.contentLength > bytesMax) throw tooLarge(asked)
        return undefined
      },
    }
  },
}

async function checkUntold(asked: PluginRequest, config: Config, bytesMax: number): Promise<void> {
  if (config.require_content_length)
    throw new Refusal('LENGTH_REQUIRED', {
      message: 'A valid Content-Length header is required',
      rule: 'request-size-limiting: the length of the body is not told',
      remedy: 'send the body with a Content-Length header',
    })
  try {
    await asked.body(bytesMax)
  } catch (error) {
    throw error instanceof Refusal && error.code === 'BODY_TOO_LARGE' ? tooLarge(asked) : error
  }
}

function tooLarge(asked: PluginRequest): Refusal {
  const expects = asked.header('expect')?.toLowerCase() === '100-continue'
  return new Refusal('BODY_TOO_LARGE', {
    message: 'Request size limit exceeded',
    rule: 'request-size-limiting: the body is longer than the operator allows',
    remedy: 'send a shorter body, or raise allowed_payload_size',
    ...(expects ? { status: 417 } : {}),
  })
}
