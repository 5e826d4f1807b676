/** As much of a browser as logging in takes: cookies by path, forms, redirects by hand. */
export type Browser = ReturnType<typeof createBrowser>

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

  /** Follows redirects inside the provider. Ends at a page, or with the address that leads out. */
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
  const submitAndFollow = async (url: string, form: Record<string, string>) => {
    const answer = await post(url, form)
    if (answer.status !== 303) throw new Error(`${url} answered ${answer.status}`)
    return follow(next(answer, url))
  }

  return {
    jar,
    send,
    follow,
    post,
    /** From an authorization address over the login form to where that leads. */
    async logIn(start: string, who: { username: string; password: string }) {
      const { url, response } = await follow(start)
      if (response === undefined) return { url, response }
      const { username, password } = who
      return submitAndFollow(url, { username, password })
    },
    /** Sends a form of hidden fields, as the script in it would. */
    submitHidden(html: string) {
      const [, action = ''] = /action="([^"]+)"/.exec(html) ?? []
      const fields = html.matchAll(/name="([^"]+)" value="([^"]*)"/g)
      const form = Object.fromEntries([...fields].map(([, name = '', value = '']) => [name, value]))
      return submitAndFollow(action.replaceAll('&amp;', '&'), form)
    },
  }
}
