import { randomBytes, randomUUID } from 'node:crypto'
import type { Plugin, PluginRequest } from '@countersign/kong'
import { z } from 'zod'
import { field, headerName } from './schema.ts'

/*
 * Kong's correlation-id: a header that goes on to the service, and back to the client where it is echoed. It is a
 * name for people and logs beside the gateway's own request id, which no client can choose.
 */
const schema = z.strictObject({
  header_name: field(headerName, 'Kong-Request-ID'),
  generator: field(z.enum(['uuid', 'uuid#counter', 'tracker']), 'uuid#counter'),
  echo_downstream: field(z.boolean(), false),
})
type Config = z.output<typeof schema>

/** Under this key a request's notes hold its correlation id, for plugins that write records. */
export const CORRELATION_ID: object = {}

/** What a client may choose: a token of bounded length, safe in any log and header. */
const SANE = /^[A-Za-z0-9._~#:+/=@-]{1,128}$/

export const correlationId: Plugin<Config> = {
  name: 'correlation-id',
  priority: 1,
  schema,
  safer: [
    {
      field: 'header_name',
      kong: "a client's value is passed on, whatever it is",
      here: 'it is passed on if it is one token of at most 128 characters, and replaced otherwise; X-Request-ID is always ours',
      why: 'it ends in logs and headers of others',
    },
    {
      field: 'generator',
      kong: 'tracker tells address, port and process of the gateway',
      here: 'tracker tells a random name of the process, a count and the time',
      why: 'clients need not know where the gateway runs',
    },
  ],
  create: (config) => {
    const name = config.header_name.toLowerCase()
    if (name === 'x-request-id') return {} // always there, and always the gateway's own
    const idOf = (asked: PluginRequest): string => {
      const known = asked.notes.get(CORRELATION_ID)
      if (typeof known === 'string') return known
      const given = asked.all(name)
      const [only = ''] = given
      const id = given.length === 1 && SANE.test(only) ? only : GENERATORS[config.generator](asked)
      asked.notes.set(CORRELATION_ID, id)
      return id
    }
    return {
      access: (asked) => asked.upstream.headers.set(config.header_name, idOf(asked)),
      // Also on an answer that was given before this plugin was asked.
      ...(config.echo_downstream
        ? { head: (answer, asked) => answer.headers.set(config.header_name, idOf(asked)) }
        : {}),
    }
  },
}

const PROCESS = randomUUID()
const TRACKER = randomBytes(6).toString('hex')
let count = 0
const GENERATORS: Readonly<Record<Config['generator'], (asked: PluginRequest) => string>> = {
  uuid: () => randomUUID(),
  'uuid#counter': () => `${PROCESS}#${++count}`,
  tracker: (asked) => `${TRACKER}-${++count}-${(asked.startedAt / 1000).toFixed(3)}`,
}
