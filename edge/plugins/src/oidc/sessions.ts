import type { PluginRequest, PluginTools } from '@countersign/kong'
import { COOKIE_CHARS_MAX, SESSION_COOKIES_MAX } from '../limits.ts'
import { BoundedCache } from '../support/bounded-cache.ts'
import { cookieValues } from '../support/cookies.ts'
import { createSealedBox } from '../support/sealed-box.ts'
import type { OidcConfig } from './config.ts'
import { type Kept, readSession, type Session } from './session.ts'

/*
 * A session is in its cookie and nowhere else: sealed, so that the browser can neither read nor change it; bound to this
 * issuer, client and audience. It ends
 *
 * - after `session_absolute_timeout`, whatever happens
 * - after `session_idling_timeout` or `session_rolling_timeout` without a request; requests write it anew
 * - with its access token, where nothing comes of a refresh: renewal.ts
 *
 * What does not fit into one cookie goes on in the next: `session`, `session_2`, `session_3`.
 */
export interface Sessions {
  find(asked: PluginRequest): Session | undefined
  /** Writes it anew where it is time to say that somebody was there. */
  touch(asked: PluginRequest, session: Session): void
  /** Writes it into the answer; false where it is too long for cookies. */
  write(asked: PluginRequest, session: Session): boolean
  clear(asked: PluginRequest): void
  /** The service does not get it. */
  hide(asked: PluginRequest): void
}

export function createSessions(config: OidcConfig, tools: PluginTools): Sessions {
  const { session_cookie_name: name, session_secret: secret } = config
  const box = createSealedBox(secret ?? '', JSON.stringify(['session 2', ...boundTo(config)]))
  const names = Array.from({ length: SESSION_COOKIES_MAX }, (_, i) =>
    i === 0 ? name : `${name}_${i + 1}`,
  )
  const known = new BoundedCache<Session>()
  const lifeMs = Math.min(config.session_idling_timeout, config.session_rolling_timeout) * 1000
  const endOf = ({ startedAt, seenAt }: Session): number =>
    Math.min(startedAt + config.session_absolute_timeout * 1000, seenAt + lifeMs)

  const open = (sealed: string): Session | undefined => {
    const before = known.get(sealed)
    if (before !== undefined) return before
    const plain = box.open(sealed)
    // Only this plugin seals: what opens is what it has written.
    const session = plain === undefined ? undefined : readSession(JSON.parse(plain) as Kept)
    if (session !== undefined) known.set(sealed, session)
    return session
  }
  const write: Sessions['write'] = (asked, session) => {
    const sealed = box.seal(JSON.stringify({ ...session, claims: undefined }))
    const parts = sealed.match(new RegExp(`.{1,${COOKIE_CHARS_MAX}}`, 'g')) ?? []
    if (parts.length > names.length) return false
    names.forEach((each, i) => {
      const part = parts[i]
      if (part !== undefined) asked.answerHeaders.add('set-cookie', setCookie(each, part, config))
      else if (cookieValues(asked, each).length > 0)
        asked.answerHeaders.add('set-cookie', setCookie(each, undefined, config))
    })
    return true
  }
  return {
    write,
    find(asked) {
      const sealed = joinedCookie(asked, names)
      const session = sealed === undefined ? undefined : open(sealed)
      return session !== undefined && tools.now() < endOf(session) ? session : undefined
    },
    touch(asked, session) {
      const now = tools.now()
      if (now - session.seenAt > lifeMs / 4) write(asked, { ...session, seenAt: now })
    },
    clear(asked) {
      for (const each of names)
        if (cookieValues(asked, each).length > 0)
          asked.answerHeaders.add('set-cookie', setCookie(each, undefined, config))
    },
    hide: (asked) => hideCookies(asked, names),
  }
}

/** What a sealed value is good for. */
export const boundTo = (config: OidcConfig): readonly (string | undefined)[] => [
  config.issuer,
  config.client_id?.[0],
  config.session_audience,
]

/** One value of each name: two of a name are none that could be trusted. */
function joinedCookie(asked: PluginRequest, names: readonly string[]): string | undefined {
  let joined: string | undefined
  for (const name of names) {
    const values = cookieValues(asked, name)
    if (values.length === 0) return joined
    if (values.length > 1) return undefined
    joined = (joined ?? '') + values[0]
  }
  return joined
}

/** `undefined` takes the cookie away. */
export function setCookie(name: string, value: string | undefined, config: OidcConfig): string {
  const end = value === undefined ? '; Max-Age=0' : ''
  const { session_cookie_path: path, session_cookie_same_site: sameSite } = config
  return `${name}=${value ?? ''}; Path=${path}; HttpOnly; Secure; SameSite=${sameSite}${end}`
}

function hideCookies(asked: PluginRequest, names: readonly string[]): void {
  const { headers } = asked.upstream
  const all = asked.all('cookie').flatMap((header) => header.split(';'))
  const kept = all.filter((pair) => !names.includes(pair.split('=', 1)[0]?.trim() ?? ''))
  if (kept.length === all.length) return
  headers.remove('cookie')
  if (kept.length > 0) headers.set('cookie', kept.map((pair) => pair.trim()).join('; '))
}
