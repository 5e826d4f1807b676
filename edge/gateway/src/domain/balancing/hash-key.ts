import type { HashOn, Upstream } from '@countersign/kong'
import { hashOf } from './hash-ring.ts'

/** What a request can be bound by. */
export interface Hashable {
  readonly address: string
  readonly path: string
  readonly query: string
  /** Id of the consumer or person that was proven; `undefined`: nobody was. */
  readonly who: string | undefined
  readonly captures: Readonly<Record<string, string>>
  header(name: string): string | undefined
}

/** One way of binding; `name`: of the header, cookie, argument or capture. */
interface Way {
  readonly on: HashOn
  readonly name: string
}

/** Kong's `hash_on` and `hash_fallback` of an upstream. */
export class HashKey {
  readonly #first: Way
  readonly #fallback: Way
  /** The cookie that a client without one is to be given. */
  readonly cookie: { readonly name: string; readonly path: string } | undefined

  constructor(upstream: Upstream) {
    const cookie = upstream.hash_on_cookie ?? ''
    this.#first = {
      on: upstream.hash_on,
      name: nameOf(upstream.hash_on, {
        header: upstream.hash_on_header,
        query_arg: upstream.hash_on_query_arg,
        uri_capture: upstream.hash_on_uri_capture,
        cookie,
      }),
    }
    this.#fallback = {
      on: upstream.hash_fallback,
      name: nameOf(upstream.hash_fallback, {
        header: upstream.hash_fallback_header,
        query_arg: upstream.hash_fallback_query_arg,
        uri_capture: upstream.hash_fallback_uri_capture,
        cookie,
      }),
    }
    const sticks = upstream.hash_on === 'cookie' || upstream.hash_fallback === 'cookie'
    this.cookie = sticks ? { name: cookie, path: upstream.hash_on_cookie_path } : undefined
  }

  /**
   * What a request is bound to. `freshCookie`: the value of the cookie that its client is given with the answer; asked for
   * only where it is needed. `undefined`: bound to nothing.
   */
  of(request: Hashable, freshCookie: (name: string, path: string) => string): number | undefined {
    const value = this.#value(this.#first, request) ?? this.#value(this.#fallback, request)
    if (value !== undefined) return hashOf(value)
    return this.cookie === undefined
      ? undefined
      : hashOf(freshCookie(this.cookie.name, this.cookie.path))
  }

  #value({ on, name }: Way, request: Hashable): string | undefined {
    switch (on) {
      case 'none':
        return undefined
      case 'consumer':
        return request.who
      case 'ip':
        return request.address
      case 'path':
        return request.path
      case 'header':
        return request.header(name)
      case 'cookie':
        return cookieIn(request.header('cookie'), name)
      case 'query_arg':
        return new URLSearchParams(request.query).get(name) ?? undefined
      case 'uri_capture':
        return Object.hasOwn(request.captures, name) ? request.captures[name] : undefined
    }
  }
}

const nameOf = (
  on: HashOn,
  names: Readonly<Record<'header' | 'cookie' | 'query_arg' | 'uri_capture', string | null>>,
): string =>
  on === 'header'
    ? (names.header ?? '').toLowerCase()
    : on === 'cookie' || on === 'query_arg' || on === 'uri_capture'
      ? (names[on] ?? '')
      : ''

/** The first value of a cookie. */
function cookieIn(header: string | undefined, name: string): string | undefined {
  if (header === undefined) return undefined
  for (const pair of header.split(';')) {
    const [left = '', ...right] = pair.split('=')
    if (left.trim() === name && right.length > 0) return right.join('=').trim()
  }
  return undefined
}
