import { z } from 'zod'
import { field, headerName } from '../schema.ts'
import { RULE_CHARS_MAX, RULES_MAX } from './limits.ts'
import { compileTemplate, type Template } from './template.ts'

/*
 * The rules of both transformers, and what they are applied to. Kong's order: remove, rename, replace (only what is
 * there), add (only what is not), append.
 */

/** Something with names and values. Names are as the thing itself compares them. */
export interface Bag {
  has(name: string): boolean
  remove(name: string): void
  rename(from: string, to: string): void
  /** In place of all values of that name. */
  set(name: string, value: unknown): void
  append(name: string, value: unknown): void
}

export interface Rule {
  readonly name: string
  readonly value: Template
  readonly type: JsonType | undefined
}
export interface Rules {
  readonly remove: readonly string[]
  readonly rename: readonly { readonly from: string; readonly to: string }[]
  readonly replace: readonly Rule[]
  readonly add: readonly Rule[]
  readonly append: readonly Rule[]
}
const JSON_TYPES = ['boolean', 'number', 'string'] as const
export type JsonType = (typeof JSON_TYPES)[number]

/** Applies the rules; `render` gives the value of one, or undefined where it has none. Returns whether any applied. */
export function applyRules(bag: Bag, rules: Rules, render: (rule: Rule) => unknown): boolean {
  let changed = 0
  for (const name of rules.remove)
    if (bag.has(name)) {
      bag.remove(name)
      changed++
    }
  for (const { from, to } of rules.rename)
    if (bag.has(from)) {
      bag.rename(from, to)
      changed++
    }
  for (const rule of rules.replace) if (bag.has(rule.name)) changed += put(bag, rule, render)
  for (const rule of rules.add) if (!bag.has(rule.name)) changed += put(bag, rule, render)
  for (const rule of rules.append) {
    const value = render(rule)
    if (value === undefined) continue
    bag.append(rule.name, value)
    changed++
  }
  return changed > 0
}
function put(bag: Bag, rule: Rule, render: (rule: Rule) => unknown): number {
  const value = render(rule)
  if (value === undefined) return 0
  bag.set(rule.name, value)
  return 1
}

export const isEmpty = (rules: Rules): boolean =>
  rules.remove.length === 0 &&
  rules.rename.length === 0 &&
  rules.replace.length === 0 &&
  rules.add.length === 0 &&
  rules.append.length === 0

interface Written {
  readonly remove: readonly string[]
  readonly rename: readonly string[]
  readonly replace: readonly string[]
  readonly add: readonly string[]
  readonly append: readonly string[]
}
/** Reads rules that the schema has let pass. `types` belong to the values by their position. */
export function readRules(
  written: Written,
  types: { readonly [verb in 'replace' | 'add' | 'append']?: readonly JsonType[] } = {},
): Rules {
  const rulesOf = (verb: 'replace' | 'add' | 'append'): Rule[] =>
    written[verb].flatMap((text, i) => {
      const { name, rest } = halves(text)
      const value = compileTemplate(rest)
      return typeof value === 'string' ? [] : [{ name, value, type: types[verb]?.[i] }]
    })
  return {
    remove: written.remove,
    rename: written.rename.map((text) => ({ from: halves(text).name, to: halves(text).rest })),
    replace: rulesOf('replace'),
    add: rulesOf('add'),
    append: rulesOf('append'),
  }
}
function halves(text: string): { name: string; rest: string } {
  const at = text.indexOf(':')
  return { name: text.slice(0, at), rest: text.slice(at + 1) }
}

// The schemas of rules, as Kong writes them: `name`, `old:new`, `name:value`.

const text = z.string().min(1).max(RULE_CHARS_MAX)
const list = <T extends z.ZodType<string>>(element: T) => field(z.array(element).max(RULES_MAX), [])
const pair = text.superRefine((written, context) => {
  const fault = /^[^:]+:/.test(written) ? undefined : `invalid value: ${written}`
  if (fault !== undefined) context.addIssue({ code: 'custom', message: fault })
})
const templated = pair.superRefine((written, context) => {
  const fault = compileTemplate(halves(written).rest)
  if (typeof fault === 'string') context.addIssue({ code: 'custom', message: fault })
})
const ofHeaders = <T extends z.ZodType<string>>(element: T, both: boolean) =>
  element.superRefine((written, context) => {
    const { name, rest } = halves(written)
    for (const each of both ? [name, rest] : [name])
      if (!headerName.safeParse(each).success)
        context.addIssue({ code: 'custom', message: `'${each}' is not a valid header` })
  })
const fixedHeader = templated.refine(
  (written) => /^[\t\x20-\x7e\x80-\xff]*$/.test(written),
  'a header has no such characters',
)

export const ruleLists = {
  names: list(text),
  renames: list(pair),
  values: list(templated),
  headerNames: list(headerName),
  headerRenames: list(ofHeaders(pair, true)),
  headerValues: list(ofHeaders(fixedHeader, false)),
  types: field(z.array(z.enum(JSON_TYPES)).max(RULES_MAX), []),
}
