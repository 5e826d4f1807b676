import * as client from 'openid-client'
import { describe, expect, test } from 'vitest'
import { CONSOLE_CLIENT } from '../clients/built-in.ts'
import { codeFlow, discover, startFlow } from '../testing/relying-party.ts'
import { useProvider } from '../testing/use-provider.ts'

const my = useProvider()
const { browser, eventsOf } = my
const invalidGrant = { error: 'invalid_grant', status: 400 }

describe('sessions', () => {
  const consoleCallback = () => `${new URL(my.harness.issuer).origin}/console/callback`

  test('the console rides on a session; the command line asks for the password each time', async () => {
    const person = my.harness.people.named('admin')
    const mine = browser()
    const asConsole = await discover(my.harness, CONSOLE_CLIENT)
    await (await codeFlow(asConsole, mine, person, { redirectUri: consoleCallback() })).exchange()
    const nobody = { username: 'nobody', password: 'never typed' }
    await (await codeFlow(asConsole, mine, nobody, { redirectUri: consoleCallback() })).exchange()
    await expect(codeFlow(my.config, mine, nobody)).rejects.toThrow('answered 403')
  })
  test('a logout ends the session and every refresh token of it', async () => {
    const mine = browser()
    const asConsole = await discover(my.harness, CONSOLE_CLIENT)
    const person = my.harness.people.named('admin')
    const { exchange } = await codeFlow(asConsole, mine, person, { redirectUri: consoleCallback() })
    const tokens = await exchange()
    const leave = client.buildEndSessionUrl(asConsole, {
      id_token_hint: tokens.id_token ?? '',
      post_logout_redirect_uri: `${new URL(my.harness.issuer).origin}/console/`,
    })
    const page = await mine.send(leave.href, { headers: { accept: 'text/html' } })
    const html = await page.text()
    const [, action = ''] = /action="([^"]+)"/.exec(html) ?? []
    const [, xsrf = ''] = /name="xsrf" value="([^"]+)"/.exec(html) ?? []
    const forged = await mine.post(action, { xsrf: 'guessed', logout: 'yes' })
    expect(forged.status).toBe(400)
    const left = await mine.post(action, { xsrf, logout: 'yes' })
    expect(left.headers.get('location')).toBe(`${new URL(my.harness.issuer).origin}/console/`)
    await expect(
      client.refreshTokenGrant(asConsole, tokens.refresh_token ?? ''),
    ).rejects.toMatchObject(invalidGrant)
    expect(eventsOf('session.end').at(-1)).toMatchObject({ userId: 'person-admin' })
  })
  test('a closed account does not ride on its session', async () => {
    const mine = browser()
    const asConsole = await discover(my.harness, CONSOLE_CLIENT)
    const person = my.harness.people.named('auditor')
    await (await codeFlow(asConsole, mine, person, { redirectUri: consoleCallback() })).exchange()
    person.open = false
    const again = codeFlow(asConsole, mine, person, { redirectUri: consoleCallback() })
    await expect(again).rejects.toThrow('answered 403')
    person.open = true
  })
  test('a client that asks for consent is not left waiting', async () => {
    const more = { prompt: 'consent' }
    await (
      await codeFlow(my.config, browser(), my.harness.people.named('customer'), { more })
    ).exchange()
  })
  test('another person can log in over a session, which ends with it', async () => {
    const mine = browser()
    const asConsole = await discover(my.harness, CONSOLE_CLIENT)
    const redirectUri = consoleCallback()
    const before = await codeFlow(asConsole, mine, my.harness.people.named('admin'), {
      redirectUri,
    })
    const tokens = await before.exchange()
    const { start, exchange } = await startFlow(asConsole, redirectUri, { prompt: 'login' })
    const { response } = await mine.logIn(start, my.harness.people.named('customer'))
    expect(response?.headers.get('content-security-policy')).toMatch(/script-src 'sha256-[^']+';/)
    const { url } = await mine.submitHidden((await response?.text()) ?? '')
    expect((await exchange(new URL(url))).claims()?.sub).toBe('person-customer')
    await expect(
      client.refreshTokenGrant(asConsole, tokens.refresh_token ?? ''),
    ).rejects.toMatchObject(invalidGrant)
  })
})
