/** As much of a browser as logging in takes: cookies by path, forms, redirects by hand. */
export function createBrowser(fetch: typeof globalThis.fetch) {
  const jar = new Map<string, { value: string; path: string }>()

  async function send(url: string, init: RequestInit = {}): Promise<Response> {
    const { pathname } = new URL(url)
    const cookie = [...jar]
      .filter(([, { path }]) => pathname.startsWith(path))
      .map(([name, { value }]) => `${name}=${value}`)
      .join('; ')
    const headers = { ...(init.headers as object), ...(cookie === '' ? {} : { cookie }) }
    const response = await fetch(url, { redirect: 'manual', ...init, headers })
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      const path = /; path=([^;]+)/.exec(line)?.[1] ?? '/'
      if (value === '') jar.delete(name)
      else jar.set(name, { value, path })
    }
    return response
  }
  const next = (response: Response, from: string): string =>
    new URL(response.headers.get('location') ?? '', from).href

  /** Follows redirects inside the origin. Ends at a page, or with the address that leads out. */
  async function follow(start: string): Promise<{ url: string; response: Response | undefined }> {
    const { origin } = new URL(start)
    let url = start
    for (let hop = 0; hop < 10; hop++) {
      if (!url.startsWith(`${origin}/auth/`)) return { url, response: undefined }
      const response = await send(url, { headers: { accept: 'text/html' } })
      if (!response.headers.has('location')) return { url, response }
      url = next(response, url)
    }
    throw new Error('too many redirects')
  }
  const post = (url: string, form: Record<string, string>, headers: object = {}) =>
    send(url, {
      method: 'POST',
      body: new URLSearchParams(form).toString(),
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    })

  return {
    jar,
    send,
    follow,
    post,
    /** From an authorization address over the login form to the address of the client. */
    async logIn(start: string, who: { username: string; password: string }): Promise<string> {
      const { url, response } = await follow(start)
      if (response === undefined) return url
      const { username, password } = who
      const answer = await post(url, { username, password })
      if (answer.status !== 303) throw new Error(`login answered ${answer.status}`)
      return (await follow(next(answer, url))).url
    },
  }
}
