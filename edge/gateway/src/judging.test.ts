import { hideSecrets } from '@countersign/kong'
import { bundledPlugins } from '@countersign/plugins'
import { NOTHING_NARROWED } from '@countersign/policy'
import { expect, it } from 'vitest'
import { createJudges } from './judging.ts'
import { kongConfig, kongPlugin } from './testing/kong-entities.ts'

const login = {
  ...{ issuer: 'https://i.test', auth_methods: ['authorization_code', 'session'] },
  ...{ client_id: ['a'], session_secret: 'x'.repeat(32), redirect_uri: ['https://g.test/cb'] },
}
it.each([
  ['openid-connect', login],
  ['http-log', { http_endpoint: 'https://user:word@logs.test/' }],
  ['request-transformer', { add: { headers: ['Authorization:Bearer x'] } }],
])('judges a configuration whose secrets are hidden: %s', async (name, config) => {
  const judgeOf = await createJudges({
    ...{ contracts: [], pluginFiles: [], narrowing: NOTHING_NARROWED },
  })
  const filled = bundledPlugins.find((plugin) => plugin.name === name)?.schema.parse(config)
  const hidden = hideSecrets('plugins', { ...kongPlugin(name, {}, filled) })
  expect(JSON.stringify(hidden)).toContain('[hidden]')
  expect(judgeOf(kongConfig({ plugins: [hidden] })).ok).toBe(true)
})
