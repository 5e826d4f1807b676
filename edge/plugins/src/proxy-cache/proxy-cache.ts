import type {
  FlatHeaders,
  HeaderDraft,
  Plugin,
  PluginAnswer,
  PluginBody,
  PluginInstance,
  PluginPlace,
  PluginRequest,
  PluginTap,
} from '@countersign/kong'
import { Collected } from './collected.ts'
import { type ProxyCacheConfig, proxyCacheSchema } from './config.ts'
import { type Entry, type Storable, storable, updated, withoutSaid } from './entry.ts'
import { combined, type Directives, readDirectives } from './fields.ts'
import { isType } from './is-type.ts'
import { addressNamed, addressOf, keyOf } from './key.ts'
import { ANSWER_BYTES_MAX } from './limits.ts'
import { differs, fits, mayReplaceError, mayShare } from './may-use.ts'
import { type Served, serve } from './serve.ts'
import { CacheStore } from './store.ts'

/*
 * Kong's proxy-cache, with the rules of RFC 9111 for a cache that many share. A request:
 * 1. of another method than GET and HEAD goes on; where it may have changed something, what is stored is forgotten
 * 2. finds a stored answer that may be used: it is given (Hit)
 * 3. finds one that may not be used any more: the service is asked whether it still holds (Refresh)
 * 4. finds none: it goes on, and the answer is stored if it may be (Miss; Bypass where it may not)
 * Requests never wait for each other: what one person is owed is never made of what another has asked.
 */
export const proxyCache: Plugin<ProxyCacheConfig> = {
  name: 'proxy-cache',
  priority: 100,
  again: false,
  schema: proxyCacheSchema,
  safer: [
    {
      field: 'cache_control',
      kong: 'false: what has the right type and status is stored, whatever the service says of it',
      here: 'no-store, private, Set-Cookie, Vary, lifetimes and credentials always count; false adds cache_ttl where nothing is said',
      why: 'what was made for one person must not be given to another',
    },
    {
      field: 'request_method',
      kong: 'answers to POST, PUT and PATCH are stored by address, whatever the body',
      here: 'only GET and HEAD are answered from the cache; the others make it forget',
      why: 'another body is another question',
    },
    {
      field: 'vary_query_params',
      kong: 'the key has the consumer',
      here: 'the key has everything that was proven of who asks, and the host',
      why: 'nobody finds what was stored for somebody else',
    },
  ],
  create: (config, place) => new Cache(config, place),
}

type Status = 'Hit' | 'Miss' | 'Refresh' | 'Bypass'
/** What is known of one request. */
interface Note {
  status: Status
  readonly key: string
  readonly address: string
  readonly moment: number
  /** To be asked about, or forgotten. */
  readonly stale: Entry | undefined
  /** The service was asked whether `stale` still holds: a 304 speaks of it. */
  asks: boolean
  storable: Storable | undefined
  /** In place of the body of the service's answer. */
  body: Buffer | undefined
}
interface Pair {
  readonly answer: PluginAnswer
  readonly asked: PluginRequest
}
const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])
const CONDITIONS = ['if-none-match', 'if-modified-since', 'range', 'if-range']

class Cache implements PluginInstance {
  readonly #config: ProxyCacheConfig
  readonly #place: PluginPlace
  readonly #store: CacheStore
  readonly #statuses: ReadonlySet<number>

  constructor(config: ProxyCacheConfig, place: PluginPlace) {
    const name = `plugin:proxy-cache:${config.memory.dictionary_name}`
    this.#config = config
    this.#place = place
    const { tools } = place
    this.#store = tools.shared(name, () => new CacheStore(() => tools.now()))
    this.#statuses = new Set(config.response_code)
  }

  access(asked: PluginRequest): void {
    const wishes = readDirectives(combined(asked.headers, 'cache-control'))
    if (!this.#mayUse(asked, wishes)) return
    const key = keyOf(asked, this.#config, this.#place)
    const found = this.#store.find(key, (entry) => fits(entry, asked))
    const note: Note = {
      status: found === undefined ? 'Miss' : 'Refresh',
      key,
      address: addressOf(asked),
      moment: this.#store.moment,
      stale: found,
      asks: false,
      storable: undefined,
      body: undefined,
    }
    asked.notes.set(this, note)
    if (found?.freshness.satisfies(wishes, asked.header('pragma'))) {
      note.status = 'Hit'
      this.#give(asked, serve(found, asked), found)
    } else if (wishes.has('only-if-cached')) asked.answer({ status: 504, headers: [], body: '' })
    else if (found !== undefined && asked.method === 'GET') note.asks = askAbout(found, asked)
  }

  head(answer: PluginAnswer, asked: PluginRequest): void {
    const note = asked.notes.get(this) as Note | undefined
    if (answer.source === 'service') {
      if (!SAFE.has(asked.method)) this.#forget(answer, asked)
      else if (note !== undefined) this.#look(note, answer, asked)
    }
    const { 'X-Cache-Status': tellsStatus, 'X-Cache-Key': tellsKey } = this.#config.response_headers
    if (tellsStatus) answer.headers.set('X-Cache-Status', note?.status ?? 'Bypass')
    if (tellsKey && note !== undefined) answer.headers.set('X-Cache-Key', note.key)
  }

  body(_answer: PluginAnswer, asked: PluginRequest): PluginBody | undefined {
    const body = (asked.notes.get(this) as Note | undefined)?.body
    if (body === undefined) return undefined
    return { bytesMax: ANSWER_BYTES_MAX, required: true, done: () => body }
  }

  tap(_answer: PluginAnswer, asked: PluginRequest): PluginTap | undefined {
    const note = asked.notes.get(this) as Note | undefined
    if (note?.storable === undefined) return undefined
    return new Collected((body) => this.#keep(note, body))
  }

  #mayUse(asked: PluginRequest, wishes: Directives): boolean {
    if (asked.method !== 'GET' && asked.method !== 'HEAD') return false
    if (asked.contentLength !== 0) return false
    if (!this.#config.request_method.includes(asked.method) || wishes.has('no-store')) return false
    return (
      asked.header('if-match') === undefined && asked.header('if-unmodified-since') === undefined
    )
  }

  /** An answer of the service to a request that may use the cache. */
  #look(note: Note, answer: PluginAnswer, asked: PluginRequest): void {
    const { stale } = note
    if (stale !== undefined && asked.method === 'GET') {
      if (answer.status === 304 && note.asks) {
        this.#renew(note, stale, { answer, asked })
        return
      }
      if (answer.status >= 500 && mayReplaceError(stale)) {
        this.#replace(note, stale, { answer, asked })
        return
      }
      this.#store.remove(note.key, stale)
    }
    if (stale !== undefined && asked.method === 'HEAD' && differs(stale, answer))
      this.#store.remove(note.key, stale)
    note.storable = asked.method === 'GET' ? this.#storable(answer, asked) : undefined
    if (note.storable === undefined) note.status = 'Bypass'
  }

  #storable(answer: PluginAnswer, asked: PluginRequest): Storable | undefined {
    if (!this.#statuses.has(answer.status)) return undefined
    if (!isType(answer.headers.get('content-type'), this.#config.content_type)) return undefined
    const length = Number(answer.headers.get('content-length') ?? 0)
    if (length > ANSWER_BYTES_MAX) return undefined
    const { status, headers } = answer
    const found = storable({ status, headers: headers.flat }, asked, {
      config: this.#config,
      now: this.#store.now,
    })
    return found !== undefined && mayShare(found.freshness, asked) ? found : undefined
  }

  #keep(note: Note, body: Buffer): void {
    const entry = note.storable?.entry(body)
    if (entry !== undefined) this.#store.put(note, entry)
  }

  /** The service says that what is stored still holds. */
  #renew(note: Note, stale: Entry, { answer, asked }: Pair): void {
    const told = withoutSaid(answer.headers.flat, asked)
    const headers = updated(stale.headers, told)
    const age = combined(told, 'age')
    const renewed = storable(
      { status: stale.status, headers: age === undefined ? headers : [...headers, 'Age', age] },
      asked,
      { config: this.#config, now: this.#store.now },
    )
    this.#store.remove(note.key, stale)
    const entry = renewed?.entry(stale.body)
    if (entry !== undefined) this.#store.put(note, entry)
    const cookies = told.filter((_, i) => /^set-cookie$/i.test(told[i - (i % 2)] ?? ''))
    this.#replace(note, entry ?? { ...stale, headers }, { answer, asked })
    addAll(answer.headers, cookies)
  }

  /** A stored answer in place of the service's. */
  #replace(note: Note, entry: Entry, { answer, asked }: Pair): void {
    const served = serve(entry, asked)
    for (const name of answer.headers.flat.filter((_, i) => i % 2 === 0))
      answer.headers.remove(name)
    addAll(answer.headers, this.#withAge(served.headers, entry))
    addAll(answer.headers, asked.answerHeaders.flat)
    answer.status = served.status
    note.body = served.body
  }
  #give(asked: PluginRequest, { status, headers, body }: Served, entry: Entry): void {
    asked.answer({ status, headers: this.#withAge(headers, entry), body })
  }
  #withAge(headers: FlatHeaders, { freshness }: Entry): FlatHeaders {
    if (!this.#config.response_headers.age) return headers
    return [...headers, 'Age', String(Math.floor(Math.max(freshness.age(), 0)))]
  }

  /** RFC 9111 section 4.4: what an unsafe request has changed, and what its answer names. */
  #forget({ status, headers }: PluginAnswer, asked: PluginRequest): void {
    if (status >= 400) return
    this.#store.invalidate(addressOf(asked))
    for (const name of ['location', 'content-location']) {
      const address = addressNamed(asked, headers.get(name))
      if (address !== undefined) this.#store.invalidate(address)
    }
  }
}

function addAll(headers: HeaderDraft, flat: FlatHeaders): void {
  for (let i = 0; i + 1 < flat.length; i += 2) headers.add(flat[i] ?? '', flat[i + 1] ?? '')
}

/** Turns the request into the question whether a stored answer still holds; what the client asks is answered from it. */
function askAbout({ etag, lastModified }: Entry, { upstream }: PluginRequest): boolean {
  if (etag === undefined && lastModified === undefined) return false
  for (const name of CONDITIONS) upstream.headers.remove(name)
  if (etag !== undefined) upstream.headers.set('If-None-Match', etag)
  if (lastModified !== undefined) upstream.headers.set('If-Modified-Since', lastModified)
  return true
}
