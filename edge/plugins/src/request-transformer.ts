import type { Plugin, PluginRequest } from '@countersign/kong'
import { Refusal } from '@countersign/layers'
import { z } from 'zod'
import { nested, optional } from './schema.ts'
import { HeaderBag, JsonBag, ParameterBag } from './transform/bags.ts'
import { REQUEST_BODY_BYTES_MAX, RULE_CHARS_MAX } from './transform/limits.ts'
import { isForm, isJson, OF_THE_BYTES } from './transform/media-type.ts'
import {
  applyRules,
  isEmpty,
  type Rule,
  type Rules,
  readRules,
  ruleLists,
} from './transform/rules.ts'
import { compileTemplate, type Escape, type Readable, type Template } from './transform/template.ts'

/*
 * Kong's request-transformer: what goes on to the service, changed by rules. Method, path, headers, query, and bodies
 * of JSON and forms. Headers that speak of identity, forwarding and framing are the gateway's and stay as they are.
 */
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const
const values = {
  body: ruleLists.values,
  headers: ruleLists.headerValues,
  querystring: ruleLists.values,
}
const uri = z
  .string()
  .max(RULE_CHARS_MAX)
  .superRefine((written, context) => {
    const template = compileTemplate(written)
    if (typeof template === 'string') context.addIssue({ code: 'custom', message: template })
    else if (/[?#]/.test(written.replaceAll(/\$\([^)]*\)/g, '')))
      context.addIssue({ code: 'custom', message: 'a path has no ? and no #' })
  })
const schema = z.strictObject({
  http_method: optional(
    z
      .string()
      .transform((method) => method.toUpperCase())
      .pipe(z.enum(METHODS)),
  ),
  remove: nested({
    body: ruleLists.names,
    headers: ruleLists.headerNames,
    querystring: ruleLists.names,
  }),
  rename: nested({
    body: ruleLists.renames,
    headers: ruleLists.headerRenames,
    querystring: ruleLists.renames,
  }),
  replace: nested({ uri: optional(uri), ...values }),
  add: nested(values),
  append: nested(values),
})
type Config = z.output<typeof schema>

interface Compiled {
  readonly method: Config['http_method']
  readonly path: Template | undefined
  readonly headers: Rules
  readonly query: Rules
  readonly body: Rules
}

export const requestTransformer: Plugin<Config> = {
  name: 'request-transformer',
  priority: 801,
  again: false,
  schema,
  safer: [
    {
      field: 'replace',
      kong: 'templates are Lua',
      here: 'templates read headers, query_params and uri_captures, with `or` between them',
      why: 'a configuration is no program',
    },
    {
      field: 'remove.body',
      kong: 'a body that cannot be read goes on unchanged',
      here: 'it is refused: 400, 413 or 415',
      why: 'a rule that a client can get past by writing badly is none',
    },
  ],
  create: (config) => {
    const compiled = compile(config)
    return {
      access: (asked) => {
        const source = readableOf(asked)
        transformHeaders(asked, compiled, source)
        transformQuery(asked, compiled, source)
        transformPath(asked, compiled, source)
        if (compiled.method !== null) asked.upstream.method = compiled.method
        return touchesBody(asked, compiled) ? transformBody(asked, compiled, source) : undefined
      },
    }
  },
}

function compile(config: Config): Compiled {
  const { remove, rename, replace, add, append } = config
  const rulesOf = (where: 'body' | 'headers' | 'querystring'): Rules =>
    readRules({
      remove: remove[where],
      rename: rename[where],
      replace: replace[where],
      add: add[where],
      append: append[where],
    })
  const path = replace.uri === null ? undefined : compileTemplate(replace.uri)
  return {
    method: config.http_method,
    path: typeof path === 'string' ? undefined : path,
    headers: rulesOf('headers'),
    query: rulesOf('querystring'),
    body: rulesOf('body'),
  }
}

/** What templates read: the request as it came. */
function readableOf(asked: PluginRequest): Readable {
  let parameters: ParameterBag | undefined
  return {
    header: (name) => {
      const lower = name.toLowerCase()
      return asked.header(lower) ?? asked.header(lower.replaceAll('_', '-'))
    },
    parameter: (name) => {
      parameters ??= new ParameterBag(asked.query)
      return parameters.get(name)
    },
    capture: (name) => (Object.hasOwn(asked.captures, name) ? asked.captures[name] : undefined),
  }
}

const asItIs: Escape = (value) => value
/** What cannot stand in a header is written in percent codes: nobody ends a line here. */
const forHeader: Escape = (value) =>
  value.replaceAll(/[^\t\x20-\x7e]+/g, (odd) => encodeURIComponent(odd.toWellFormed()))
/** A client's text is one segment of a path at most; captures come from the path and are canonical. */
const forPath: Escape = (value, from) =>
  from === 'capture' ? value : encodeURIComponent(value.toWellFormed())

function transformHeaders(asked: PluginRequest, { headers }: Compiled, source: Readable): void {
  if (isEmpty(headers)) return
  applyRules(new HeaderBag(asked.upstream.headers), headers, ({ value }) =>
    value.render(source, forHeader),
  )
}

function transformQuery(asked: PluginRequest, { query }: Compiled, source: Readable): void {
  if (isEmpty(query)) return
  const bag = new ParameterBag(asked.upstream.query)
  if (applyRules(bag, query, ({ value }) => value.render(source, asItIs)))
    asked.upstream.query = bag.toString()
}

function transformPath(asked: PluginRequest, { path }: Compiled, source: Readable): void {
  if (path === undefined) return
  const written = path.render(source, forPath)
  if (!isPlainPath(written))
    throw new Refusal('REQUEST_INVALID', {
      rule: 'plugin request-transformer: what the client sent makes no plain path of replace.uri',
      remedy: 'send values that are one segment of a path',
    })
  asked.upstream.path = written
}
/** No segment that goes up, nothing that two programs read in two ways. */
function isPlainPath(path: string): boolean {
  if (!/^\/[\x21-\x7e]*$/.test(path) || /[?#\\;]|\/\/|%(?:2f|5c|00|2e)/i.test(path)) return false
  return path.split('/').every((segment) => segment !== '.' && segment !== '..')
}

function touchesBody(asked: PluginRequest, { body, method }: Compiled): boolean {
  const contentType = asked.header('content-type')
  if (movesForm(method) && isForm(contentType)) return asked.contentLength !== 0
  if (isEmpty(body) || !(isJson(contentType) || isForm(contentType))) return false
  return asked.contentLength !== 0 || body.add.length > 0 || body.append.length > 0
}
/** Kong: the form of a request that becomes one without a body goes into the query. */
const movesForm = (method: Config['http_method']): boolean => method === 'GET' || method === 'HEAD'

async function transformBody(
  asked: PluginRequest,
  compiled: Compiled,
  source: Readable,
): Promise<void> {
  const encoding = asked.header('content-encoding')
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity')
    throw new Refusal('MEDIA_TYPE', {
      detail: 'The body has to come without a content coding.',
      rule: 'plugin request-transformer: a coded body cannot be transformed',
      remedy: 'send the body without Content-Encoding',
    })
  const whole = asked.upstream.body ?? (await asked.body(REQUEST_BODY_BYTES_MAX))
  const text = utf8(whole)
  const render = ({ value }: Rule): string => value.render(source, asItIs)
  if (isForm(asked.header('content-type'))) transformForm(asked, compiled, { text, render })
  else {
    const bag = JsonBag.parse(text)
    if (bag === undefined) throw unreadable('is no JSON')
    if (bag !== 'other' && applyRules(bag, compiled.body, render)) put(asked, bag.toString())
  }
}

function transformForm(
  asked: PluginRequest,
  { body, method }: Compiled,
  { text, render }: { readonly text: string; readonly render: (rule: Rule) => string },
): void {
  const bag = new ParameterBag(text)
  const changed = applyRules(bag, body, render)
  if (movesForm(method)) {
    const query = new ParameterBag(asked.upstream.query)
    for (const { name, value } of bag) query.append(name, value)
    asked.upstream.query = query.toString()
    put(asked, '')
  } else if (changed) put(asked, bag.toString())
}

function put(asked: PluginRequest, body: string): void {
  asked.upstream.body = Buffer.from(body)
  for (const name of OF_THE_BYTES) asked.upstream.headers.remove(name)
}

function utf8(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw unreadable('is not UTF-8')
  }
}
const unreadable = (why: string): Refusal =>
  new Refusal('BODY_INVALID', {
    detail: `The body ${why}.`,
    rule: `plugin request-transformer: the body ${why}`,
    remedy: 'send a body of the declared type',
  })
