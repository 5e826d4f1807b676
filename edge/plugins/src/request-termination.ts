import type { Plugin, PluginRequest } from '@countersign/kong'
import { z } from 'zod'
import { READ_BODY_BYTES_MAX } from './limits.ts'
import { field, headerName, optional } from './schema.ts'
import { readParameters, valuesOf } from './support/parameters.ts'

/*
 * Answers in place of a service (https://developer.konghq.com/plugins/request-termination/): always, or where a header
 * or query argument called `trigger` is there. With `echo` the answer says what has arrived.
 */

const body = optional(z.string().max(65_536))
const schema = z
  .strictObject({
    status_code: field(
      z
        .int()
        .min(200, 'value should be between 200 and 599')
        .max(599, 'value should be between 200 and 599'),
      503,
    ),
    message: body,
    content_type: optional(
      z
        .string()
        .max(256)
        .regex(/^[\x20-\x7e]*$/, 'only printable ASCII is allowed'),
    ),
    body,
    echo: field(z.boolean(), false),
    trigger: optional(headerName),
  })
  .superRefine((config, context) => {
    const mistake = mistakeIn(config)
    if (mistake !== undefined) context.addIssue({ code: 'custom', message: mistake })
  })
type Config = z.output<typeof schema>

const isSet = (text: string | null): boolean => text !== null && text !== ''

function mistakeIn({ message, content_type, body, echo }: Config): string | undefined {
  if (isSet(message) && (isSet(content_type) || isSet(body)))
    return 'message cannot be used with content_type or body'
  if (isSet(content_type) && !isSet(body)) return 'content_type requires a body'
  if (echo && (isSet(content_type) || isSet(body)))
    return 'echo cannot be used with content_type and body'
  return undefined
}

const MESSAGES: Readonly<Record<number, string>> = {
  401: 'Unauthorized',
  404: 'Not found',
  405: 'Method not allowed',
  500: 'An unexpected error occurred',
  502: 'Bad Gateway',
  503: 'Service unavailable',
}

export const requestTermination: Plugin<Config> = {
  name: 'request-termination',
  priority: 2,
  schema,
  safer: [
    {
      field: 'echo',
      kong: 'shows every header that has arrived',
      here: 'does not show what Authorization and Cookie hold',
      why: 'a script of the page could read by it what its browser keeps from it',
    },
    {
      field: 'status_code',
      kong: '100 to 599',
      here: '200 to 599',
      why: 'what is below 200 is no answer yet: the client would wait',
    },
  ],
  create(config) {
    const message = config.message ?? MESSAGES[config.status_code]
    const answer = {
      status: config.status_code,
      headers: ['content-type', typeOf(config)],
      body: config.body ?? (message === undefined ? '' : JSON.stringify({ message })),
    }
    return {
      access(asked) {
        if (config.trigger !== null && !isTriggered(asked, config.trigger)) return undefined
        if (config.echo) return echo(asked, config.status_code, message)
        asked.answer(answer)
        return undefined
      },
    }
  },
}

const JSON_TYPE = 'application/json; charset=utf-8'
const typeOf = ({ body, content_type }: Config): string =>
  body === null ? JSON_TYPE : (content_type ?? 'text/plain; charset=utf-8')

const isTriggered = (asked: PluginRequest, trigger: string): boolean =>
  asked.header(trigger.toLowerCase()) !== undefined || valuesOf(asked.query, trigger).length > 0

const HIDDEN: ReadonlySet<string> = new Set(['authorization', 'cookie', 'proxy-authorization'])

async function echo(
  asked: PluginRequest,
  status: number,
  message: string | undefined,
): Promise<void> {
  const raw = await asked.body(READ_BODY_BYTES_MAX)
  const { route, service } = asked
  const content = {
    message,
    request: {
      ...{ scheme: 'https', host: asked.host, method: asked.method, path: asked.path },
      headers: collect(pairsOf(asked.headers)),
      query: collect(readParameters(asked.query).map(({ name, value }) => [name, value])),
      raw_body: raw.toString('utf8'),
    },
    matched_route: { id: route.id, name: route.name },
    matched_service: service && { id: service.id, name: service.name },
  }
  asked.answer({ status, headers: ['content-type', JSON_TYPE], body: JSON.stringify(content) })
}

function* pairsOf(flat: readonly string[]): Generator<readonly [string, string]> {
  for (let i = 0; i + 1 < flat.length; i += 2) {
    const name = (flat[i] ?? '').toLowerCase()
    yield [name, HIDDEN.has(name) ? '[hidden]' : (flat[i + 1] ?? '')]
  }
}

/** One value as it is, several as a list. The names are the client's. */
function collect(pairs: Iterable<readonly [string, string]>): Record<string, string | string[]> {
  const collected: Record<string, string | string[]> = Object.create(null)
  for (const [name, value] of pairs) {
    const before = collected[name]
    collected[name] = before === undefined ? value : [before, value].flat()
  }
  return collected
}
