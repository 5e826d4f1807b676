import { isUtf8 } from 'node:buffer'
import type { Plugin, PluginAnswer, PluginRequest } from '@countersign/kong'
import { z } from 'zod'
import { nested } from './schema.ts'
import { HeaderBag, JsonBag } from './transform/bags.ts'
import { ANSWER_BODY_BYTES_MAX } from './transform/limits.ts'
import { isJson, OF_THE_BYTES } from './transform/media-type.ts'
import {
  applyRules,
  isEmpty,
  type Rule,
  type Rules,
  readRules,
  ruleLists,
} from './transform/rules.ts'

/*
 * Kong's response-transformer: what a service answered, changed by rules. Answers of the gateway and of plugins, of a
 * cache as well, stay as they are: a cache holds what was transformed before.
 */
const values = {
  json: ruleLists.values,
  json_types: ruleLists.types,
  headers: ruleLists.headerValues,
}
const schema = z.strictObject({
  remove: nested({ json: ruleLists.names, headers: ruleLists.headerNames }),
  rename: nested({ json: ruleLists.renames, headers: ruleLists.headerRenames }),
  replace: nested(values),
  add: nested(values),
  append: nested(values),
})
type Config = z.output<typeof schema>

export const responseTransformer: Plugin<Config> = {
  name: 'response-transformer',
  priority: 800,
  schema,
  safer: [
    {
      field: 'remove.json',
      kong: 'an answer of any size is held in memory',
      here: 'an answer over 8 MiB is not given: 502',
      why: 'one answer cannot take the gateway down, and none gets past the rules',
    },
  ],
  create: (config) => {
    const headers = rulesOf(config, 'headers')
    const json = rulesOf(config, 'json')
    const change = (whole: Buffer | undefined): Buffer | undefined =>
      whole === undefined ? undefined : transformed(whole, json)
    const body = { bytesMax: ANSWER_BODY_BYTES_MAX, required: true as const, done: change }
    return {
      ...(isEmpty(json) ? {} : { access: askForPlainAnswer }),
      head: (answer) => {
        if (answer.source !== 'service') return
        applyRules(new HeaderBag(answer.headers), headers, plainText)
        if (!isEmpty(json) && isTransformed(answer))
          for (const name of [...OF_THE_BYTES, 'accept-ranges']) answer.headers.remove(name)
      },
      ...(isEmpty(json) ? {} : { body: (answer) => (isTransformed(answer) ? body : undefined) }),
    }
  },
}

/** A coded or partial answer could not be transformed. */
function askForPlainAnswer({ upstream }: PluginRequest): void {
  for (const name of ['accept-encoding', 'range', 'if-range']) upstream.headers.remove(name)
}

function isTransformed({ source, status, headers }: PluginAnswer): boolean {
  if (source !== 'service' || status === 204 || status === 206 || status === 304) return false
  const encoding = headers.get('content-encoding')?.toLowerCase() ?? 'identity'
  return encoding === 'identity' && isJson(headers.get('content-type'))
}

function rulesOf(
  { remove, rename, replace, add, append }: Config,
  where: 'json' | 'headers',
): Rules {
  return readRules(
    {
      remove: remove[where],
      rename: rename[where],
      replace: replace[where],
      add: add[where],
      append: append[where],
    },
    where === 'headers'
      ? {}
      : { replace: replace.json_types, add: add.json_types, append: append.json_types },
  )
}

/** Answers are changed by fixed texts: there is nothing of a request in them. */
const plainText = ({ value }: Rule): string =>
  value.render(
    { header: () => undefined, parameter: () => undefined, capture: () => undefined },
    (text) => text,
  )

/** What is no JSON object goes on as it is. */
function transformed(whole: Buffer, rules: Rules): Buffer {
  const bag =
    whole.length === 0 || !isUtf8(whole) ? undefined : JsonBag.parse(whole.toString('utf8'))
  if (bag === undefined || bag === 'other') return whole
  return applyRules(bag, rules, typed) ? Buffer.from(bag.toString()) : whole
}

/** Kong: a text that is no number of the type `number` has no value, and its rule does nothing. */
function typed(rule: Rule): unknown {
  const text = plainText(rule)
  if (rule.type === 'boolean') return text === 'true'
  if (rule.type !== 'number') return text
  const number = text.trim() === '' ? Number.NaN : Number(text)
  return Number.isFinite(number) ? number : undefined
}
