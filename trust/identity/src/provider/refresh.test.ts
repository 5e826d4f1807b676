import { decodeJwt } from 'jose'
import * as client from 'openid-client'
import { describe, expect, test } from 'vitest'
import { CONSOLE_CLIENT } from '../clients/built-in.ts'
import { discover } from '../testing/relying-party.ts'
import { useProvider } from '../testing/use-provider.ts'

const my = useProvider()
const { eventsOf, flow } = my
const invalidGrant = { error: 'invalid_grant', status: 400 }

describe('refresh tokens', () => {
  test('rotate, and a second use of an old one ends the family', async () => {
    const first = await (await flow()).exchange()
    const second = await client.refreshTokenGrant(my.config, first.refresh_token ?? '')
    expect(second.refresh_token).not.toBe(first.refresh_token)
    expect(decodeJwt(second.access_token).sub).toBe('person-customer')
    expect(eventsOf('token.refresh').at(-1)?.userId).toBe('person-customer')
    const before = eventsOf('token.reuse').length
    for (const token of [first.refresh_token, second.refresh_token]) {
      await expect(client.refreshTokenGrant(my.config, token ?? '')).rejects.toMatchObject(
        invalidGrant,
      )
    }
    expect(eventsOf('token.reuse')).toHaveLength(before + 1)
  })
  test('of 20 uses at once at most one succeeds, and the family ends', async () => {
    const first = await (await flow()).exchange()
    const outcomes = await Promise.allSettled(
      Array.from({ length: 20 }, () =>
        client.refreshTokenGrant(my.config, first.refresh_token ?? ''),
      ),
    )
    const won = outcomes.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
    expect(won).toHaveLength(1)
    await expect(
      client.refreshTokenGrant(my.config, won[0]?.refresh_token ?? ''),
    ).rejects.toMatchObject(invalidGrant)
  })
  test('survive a restart, the memory of their use included', async () => {
    const first = await (await flow()).exchange()
    await my.harness.restart()
    const second = await client.refreshTokenGrant(my.config, first.refresh_token ?? '')
    await my.harness.restart()
    await expect(
      client.refreshTokenGrant(my.config, first.refresh_token ?? ''),
    ).rejects.toMatchObject(invalidGrant)
    await expect(
      client.refreshTokenGrant(my.config, second.refresh_token ?? ''),
    ).rejects.toMatchObject(invalidGrant)
  })
  test('carry the roles of the moment, and end with the account', async () => {
    const support = my.harness.people.named('support')
    const first = await (await flow('support')).exchange()
    support.roles = ['support', 'auditor']
    const second = await client.refreshTokenGrant(my.config, first.refresh_token ?? '')
    expect(decodeJwt(second.access_token).roles).toEqual(['support', 'auditor'])
    support.open = false
    await expect(
      client.refreshTokenGrant(my.config, second.refresh_token ?? ''),
    ).rejects.toMatchObject(invalidGrant)
    support.open = true
  })
  test('are not used up while nobody can tell who the person is', async () => {
    const first = await (await flow()).exchange()
    my.harness.people.state.away = true
    const refused = await client
      .refreshTokenGrant(my.config, first.refresh_token ?? '')
      .catch((e) => e)
    my.harness.people.state.away = false
    expect(refused.cause.status).toBe(503)
    await client.refreshTokenGrant(my.config, first.refresh_token ?? '')
  })
  test('can be revoked by their client', async () => {
    const first = await (await flow()).exchange()
    await client.tokenRevocation(my.config, first.refresh_token ?? '')
    await expect(
      client.refreshTokenGrant(my.config, first.refresh_token ?? ''),
    ).rejects.toMatchObject(invalidGrant)
    expect(eventsOf('token.revoke').at(-1)).toMatchObject({ userId: 'person-customer' })
  })
  test('cannot be revoked by another client, nor used by it', async () => {
    const first = await (await flow()).exchange()
    const other = await discover(my.harness, CONSOLE_CLIENT)
    await client.tokenRevocation(other, first.refresh_token ?? '')
    await expect(client.refreshTokenGrant(other, first.refresh_token ?? '')).rejects.toMatchObject(
      invalidGrant,
    )
    await client.refreshTokenGrant(my.config, first.refresh_token ?? '')
  })
})
