import type { PluginInstance, PluginTools } from '@countersign/kong'
import { TestDirectory } from '../testing/directory.ts'
import { FakeRequest, type Given } from '../testing/exchange.ts'
import { access, instanceOf } from '../testing/run.ts'
import { type TestTools, testTools } from '../testing/tools.ts'
import { openidConnect } from './openid-connect.ts'
import { CLIENT, REDIRECT, type RealProvider, startRealProvider } from './real-provider.fixture.ts'

export type Changes = Record<string, unknown>

/** What a browser asks for that shows a page. */
export const PAGE: Given = {
  ...{ path: '/orders', query: 'a=1&b=%2F', host: 'gate.test' },
  headers: ['Accept', 'text/html,*/*'],
}

/** A gateway's openid-connect beside a real provider, and a browser that comes to it. */
export class LoginHouse implements AsyncDisposable {
  readonly provider: RealProvider
  readonly directory = new TestDirectory()
  tools: TestTools
  /** What the gateway reaches the provider by: to be put in its way. */
  between: PluginTools['fetch']
  private constructor(provider: RealProvider) {
    this.provider = provider
    this.between = provider.fetch
    this.tools = this.start()
  }
  static async open(): Promise<LoginHouse> {
    return new LoginHouse(await startRealProvider())
  }
  /** Another gateway, which remembers nothing. */
  start(): TestTools {
    this.between = (request) => this.provider.fetch(request)
    this.tools = testTools({
      fetch: (request) => this.between(request),
      directory: this.directory,
    })
    this.tools.nowMs = Date.now()
    this.provider.introspections = 0
    this.provider.asked.length = 0
    return this.tools
  }
  config(changes: Changes = {}): Changes {
    return {
      ...{ issuer: this.provider.issuer, ...CLIENT, redirect_uri: [REDIRECT] },
      ...{ auth_methods: ['authorization_code', 'session'], session_secret: 'x'.repeat(32) },
      ...{ scopes: ['openid', 'profile'], ...changes },
    }
  }
  async ask(given: Given, changes: Changes = {}, instance = this.instance(changes)) {
    const asked = new FakeRequest({ host: 'gate.test', ...given })
    const refusal = await access(instance, asked)
    const headers = [...(asked.answered?.headers ?? []), ...asked.answerHeaders.flat]
    const all = (name: string) => headers.filter((_, i) => i % 2 === 1 && headers[i - 1] === name)
    return { asked, refusal, location: all('location')[0] ?? '', cookies: all('set-cookie') }
  }
  instance(changes: Changes = {}, tools: PluginTools = this.tools): PluginInstance {
    return instanceOf(openidConnect, this.config(changes), tools)
  }
  /** A browser that has been sent to log in, and has done so. */
  async begun(changes: Changes = {}) {
    const sent = await this.ask(PAGE, changes)
    const back = new URL(await this.provider.logIn(sent.location))
    const given = { path: back.pathname, query: back.search.slice(1) }
    return { sent, given, cookie: sendBack(sent.cookies) }
  }
  async loggedIn(changes: Changes = {}) {
    const { given, cookie } = await this.begun(changes)
    const done = await this.ask({ ...given, headers: ['Cookie', cookie] }, changes)
    return { done, cookie: sendBack(done.cookies) }
  }
  away(): void {
    this.between = () => Promise.reject(new Error('away'))
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.provider[Symbol.asyncDispose]()
  }
}

/** `name=value` of cookies that are set, as a browser sends them back. */
export const sendBack = (cookies: readonly string[]): string =>
  cookies
    .filter((line) => !line.includes('Max-Age=0'))
    .map((line) => line.split(';', 1)[0] ?? '')
    .join('; ')
