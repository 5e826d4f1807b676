import { DEPTH_MAX, FORM_FIELDS_MAX, FORM_INDEX_MAX } from '../limits.ts'

/*
 * Kong's names in forms: `a.b=c` nests, `x[]=v` appends, `x[2]=v` is the second of a list that begins at 1, and a name that
 * comes twice is a list. Which of the values are numbers is for the schema to say; see `prepare.ts`.
 */
export class FormError extends Error {}

type Nested = { [field: string]: unknown }
const bareObject = (): Nested => Object.create(null) as Nested

/** Nests the fields of a form, in the order in which they came. Throws `FormError`. */
export function nestForm(fields: Iterable<readonly [string, string]>): Nested {
  const root = bareObject()
  let count = 0
  for (const [name, value] of fields) {
    if (++count > FORM_FIELDS_MAX) throw new FormError('too many fields')
    const steps = stepsOf(name)
    if (steps.length === 0 || steps.length > DEPTH_MAX)
      throw new FormError(`a field cannot be named '${name.slice(0, 80)}'`)
    place(root, steps, value)
  }
  return denseOf(root) as Nested
}

/** A field's name, a position in a list (from 0), or `+`: after the last. */
type Step = string | number | '+'
const APPEND = '+'
interface Named {
  readonly name: string
}
type Way = (Named | number | typeof APPEND)[]

function stepsOf(name: string): Way {
  const way: Way = []
  for (const part of name.split('.')) {
    const [, field = '', indexes = ''] = /^([^[\]]*)((?:\[[^[\]]*\])*)$/.exec(part) ?? []
    if (field === '') return []
    way.push({ name: field })
    for (const [, index = ''] of indexes.matchAll(/\[([^[\]]*)\]/g)) {
      if (index === '') way.push(APPEND)
      else if (/^[1-9][0-9]{0,3}$/.test(index) && Number(index) <= FORM_INDEX_MAX)
        way.push(Number(index) - 1)
      else if (/^[0-9]+$/.test(index)) return []
      else way.push({ name: index })
    }
  }
  return way
}

/** A list while it is being filled: positions can come in any order. */
class Growing {
  readonly items = new Map<Step, unknown>()
  next(): number {
    let last = -1
    for (const at of this.items.keys()) last = Math.max(last, Number(at))
    return last + 1
  }
}

function place(root: Nested, way: Way, value: string): void {
  let at: Nested | Growing = root
  for (const [i, step] of way.entries()) {
    const following = way[i + 1]
    const made =
      following === undefined ? value : typeof following === 'object' ? bareObject() : new Growing()
    at = enter(at, step, made, following === undefined) as Nested | Growing
  }
}

/** Goes one step down, making what is missing; the last step sets the value, or makes a list of two values. */
function enter(at: Nested | Growing, step: Way[number], made: unknown, last: boolean): unknown {
  if (at instanceof Growing) {
    if (typeof step === 'object') throw new FormError(`'${step.name}' is a name within a list`)
    const key = step === APPEND ? at.next() : step
    if (last || !at.items.has(key)) at.items.set(key, made)
    return at.items.get(key)
  }
  if (typeof step !== 'object') throw new FormError('a position within what is no list')
  const { name } = step
  const there = Object.hasOwn(at, name) ? at[name] : undefined
  if (there === undefined) at[name] = made
  else if (last) {
    const grown = there instanceof Growing ? there : grow(there)
    grown.items.set(grown.next(), made)
    at[name] = grown
  } else if (typeof there !== 'object' || there instanceof Growing !== made instanceof Growing) {
    if (made instanceof Growing && typeof there === 'string') at[name] = grow(there)
    else throw new FormError(`'${name}' is given in two ways`)
  }
  return at[name]
}
function grow(first: unknown): Growing {
  if (typeof first !== 'string') throw new FormError('a field is given in two ways')
  const grown = new Growing()
  grown.items.set(0, first)
  return grown
}

/** Lists with holes close up, as in Kong. */
function denseOf(value: unknown): unknown {
  if (value instanceof Growing)
    return [...value.items]
      .sort(([a], [b]) => Number(a) - Number(b))
      .map(([, each]) => denseOf(each))
  if (typeof value !== 'object' || value === null) return value
  const object = bareObject()
  for (const [key, each] of Object.entries(value)) object[key] = denseOf(each)
  return object
}
