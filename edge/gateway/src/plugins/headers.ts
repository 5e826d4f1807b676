import type { FlatHeaders, HeaderDraft } from '@countersign/kong'
import { Refusal } from '@countersign/layers'

/*
 * Headers that plugins can change. Some names are not theirs: who asks, where the request comes from and how the message is
 * framed only the gateway says. These are passed over in silence, as the interface promises; a value that is none refuses
 * the request, since what a client sends can end up in one.
 */
const FRAMING = [
  ...['connection', 'content-length', 'expect', 'host', 'http2-settings', 'keep-alive', 'te'],
  ...['proxy-connection', 'trailer', 'transfer-encoding', 'upgrade'],
]
const TOWARDS_SERVICE: ReadonlySet<string> = new Set([
  ...FRAMING,
  ...['countersign-not-started', 'forwarded', 'traceparent', 'tracestate', 'x-anonymous-consumer'],
  'x-request-id',
])
const SERVICE_FAMILIES = ['x-authenticated-', 'x-consumer-', 'x-countersign-', 'x-credential-']
const FORWARDED = 'x-forwarded-'
const TOWARDS_CLIENT: ReadonlySet<string> = new Set([
  ...FRAMING.filter((name) => name !== 'upgrade'),
  ...['date', 'x-request-id', 'countersign-not-started'],
])

export const isOursTowardsService = (name: string): boolean =>
  TOWARDS_SERVICE.has(name) ||
  name.startsWith(FORWARDED) ||
  SERVICE_FAMILIES.some((family) => name.startsWith(family))
export const isOursTowardsClient = (name: string): boolean => TOWARDS_CLIENT.has(name)

/** Headers in the order in which they are sent: name, value, name, value … */
export class Headers implements HeaderDraft {
  #flat: string[]
  readonly #isOurs: (name: string) => boolean

  /** `flat` becomes this object's own. `isOurs`: names in lower case that plugins cannot change. */
  constructor(flat: string[], isOurs: (name: string) => boolean) {
    this.#flat = flat
    this.#isOurs = isOurs
  }
  get flat(): FlatHeaders {
    return this.#flat
  }
  get(name: string): string | undefined {
    const lower = name.toLowerCase()
    for (let i = 0; i + 1 < this.#flat.length; i += 2)
      if (sameName(this.#flat[i] ?? '', lower)) return this.#flat[i + 1]
    return undefined
  }
  set(name: string, value: string): void {
    const lower = name.toLowerCase()
    if (this.#isOurs(lower)) return
    check(name, value)
    this.#drop(lower)
    this.#flat.push(name, value)
  }
  add(name: string, value: string): void {
    if (this.#isOurs(name.toLowerCase())) return
    check(name, value)
    this.#flat.push(name, value)
  }
  remove(name: string): void {
    const lower = name.toLowerCase()
    if (!this.#isOurs(lower)) this.#drop(lower)
  }

  /** For the gateway itself, which may say anything. `name` in lower case. */
  replace(name: string, value: string | undefined): void {
    this.#drop(name)
    if (value !== undefined) this.#flat.push(name, value)
  }
  #drop(lower: string): void {
    const flat = this.#flat
    let kept = 0
    for (let i = 0; i + 1 < flat.length; i += 2) {
      if (sameName(flat[i] ?? '', lower)) continue
      flat[kept++] = flat[i] ?? ''
      flat[kept++] = flat[i + 1] ?? ''
    }
    flat.length = kept
  }
}

/** What an answer will carry, whoever gives it: written down now, and joined with the answer when it is there. */
export class AnswerHeaders extends Headers {
  readonly #replaced = new Set<string>()
  constructor() {
    super([], isOursTowardsClient)
  }
  override set(name: string, value: string): void {
    this.#replaced.add(name.toLowerCase())
    super.set(name, value)
  }
  override remove(name: string): void {
    this.#replaced.add(name.toLowerCase())
    super.remove(name)
  }
  /** Puts these headers into those of an answer. */
  joinInto(answer: Headers): void {
    for (const name of this.#replaced) answer.remove(name)
    const { flat } = this
    for (let i = 0; i + 1 < flat.length; i += 2) answer.add(flat[i] ?? '', flat[i + 1] ?? '')
  }
}

/** `lower` in lower case. */
export function sameName(name: string, lower: string): boolean {
  return name.length === lower.length && (name === lower || name.toLowerCase() === lower)
}

const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
/** What may be in a value: latin1 without control characters (RFC 9110 section 5.5). */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/

function check(name: string, value: string): void {
  if (NAME.test(name) && VALUE.test(value)) return
  throw new Refusal('REQUEST_INVALID', {
    rule: `a plugin was to write a header ${JSON.stringify(name.slice(0, 64))} that is none`,
    remedy: 'correct what the header is made of: the request, or the configuration of the plugin',
  })
}
