import { rm } from 'node:fs/promises'
import type { Env } from '@countersign/service'
import type { Desk } from '../desk.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { KONG_HOST, ownCurlConfig, writeCurlHome } from '../kong/curl-home.ts'
import { withControl } from '../kong/with-control.ts'
import { shellWord } from '../terminal/printable.ts'

export interface AdminEnvOptions {
  readonly as: string
  readonly showKey?: boolean
  readonly revoke?: boolean
  readonly json?: boolean
}

/**
 * `countersign admin-env`: settings for a POSIX shell, to be evaluated by it, with which curl reaches the Admin API of
 * the gateways as an administrator. The key lies in files of mode 0600; it is printed only where that is asked for.
 */
export async function adminEnv(desk: Desk, options: AdminEnvOptions): Promise<ExitCode> {
  if (options.revoke === true) return revoke(desk, options)
  const { output, layout, env } = desk
  const minted = await withControl(desk, options.as, (control) => control.mintAdminKey())
  const { key, url, expiresAt } = minted
  const folder = layout.adminEnv(options.as)
  const token = await writeCurlHome({ folder, url, key, own: ownCurlConfig(env, folder) })
  const settings: Readonly<Record<string, string>> = {
    CURL_HOME: folder,
    no_proxy: noProxy(env),
    KONG_ADMIN_URL: url,
    KONG_ADMIN_TOKEN_FILE: token,
    ...(options.showKey === true ? { KONG_ADMIN_TOKEN: key } : {}),
  }
  if (options.json === true) output.json({ expiresAt, env: settings })
  else
    for (const [name, value] of Object.entries(settings))
      output.line(`export ${name}=${shellWord(value)}`)
  output.note(`${options.as} may use the Admin API until ${expiresAt}`)
  if (output.interactive && options.json !== true)
    output.note('For this shell: eval "$(countersign admin-env)"')
  return EXIT.ok
}

/** Ends all keys of this person, and takes the settings back. */
async function revoke(desk: Desk, options: AdminEnvOptions): Promise<ExitCode> {
  const of = { body: { of: 'me' } } as const
  const { revoked } = await withControl(desk, options.as, (control) => control.revokeAdminKeys(of))
  await rm(desk.layout.adminEnv(options.as), { recursive: true, force: true })
  if (options.json === true) desk.output.json({ revoked })
  else desk.output.line('unset CURL_HOME KONG_ADMIN_URL KONG_ADMIN_TOKEN_FILE KONG_ADMIN_TOKEN')
  desk.output.note(`${revoked} keys of ${options.as} are of no use any more`)
  return EXIT.ok
}

/** No proxy sees the key: it would be sent to it in the clear. */
function noProxy(env: Env): string {
  const set = env.no_proxy ?? env.NO_PROXY ?? ''
  const hosts = set.split(',').map((host) => host.trim())
  if (hosts.includes(KONG_HOST) || hosts.includes('*')) return set
  return set === '' ? KONG_HOST : `${set},${KONG_HOST}`
}
