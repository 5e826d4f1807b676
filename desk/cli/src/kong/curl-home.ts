import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Env } from '@countersign/service'
import { writeFileAtomic } from '@countersign/ground/store'
import { ownFolder } from '../home/prepare.ts'

/*
 * What lets plain `curl http://kong:8001/…` work, and with a key, in one shell: CURL_HOME names a folder with a `.curlrc`
 * (https://curl.se/docs/manpage.html, -K).
 *
 * - what the person has configured comes first; it stays where it is and is read from there
 * - `kong`, at any port, is the Admin API on loopback: a mistyped port does not carry the key to a stranger
 * - the key is in a netrc file for `kong` alone, so that no other host is shown it, nor who looks at processes
 */
export interface CurlHome {
  /** Folder that only this user can enter. */
  readonly folder: string
  /** `http://127.0.0.1:8001` */
  readonly url: string
  readonly key: string
  /** The file that curl would read otherwise. */
  readonly own: string | undefined
}
export const KONG_HOST = 'kong'

/** Writes the files (0600) and says where the key lies by itself. */
export async function writeCurlHome({ folder, url, key, own }: CurlHome): Promise<string> {
  await ownFolder(folder)
  const { hostname, port } = new URL(url)
  const netrc = join(folder, 'netrc')
  const token = join(folder, 'key')
  const lines = [
    ...(own === undefined ? [] : [`config = ${quoted(own)}`]),
    `connect-to = ${quoted(`${KONG_HOST}::${hostname}:${port}`)}`,
    `netrc-file = ${quoted(netrc)}`,
    'netrc-optional',
  ]
  await writeFileAtomic(token, key)
  await writeFileAtomic(netrc, `machine ${KONG_HOST} login admin password ${key}\n`)
  await writeFileAtomic(join(folder, '.curlrc'), `${lines.join('\n')}\n`)
  return token
}

/** The file that curl reads without us: the first that is there. A folder of ours is not looked at. */
export function ownCurlConfig(env: Env, ours: string): string | undefined {
  const { CURL_HOME: curlHome, XDG_CONFIG_HOME: xdg, HOME: home } = env
  const places = [
    ...(curlHome === undefined || curlHome === ours ? [] : [join(curlHome, '.curlrc')]),
    ...(xdg === undefined ? [] : [join(xdg, 'curlrc')]),
    ...(home === undefined ? [] : [join(home, '.curlrc'), join(home, '.config/curlrc')]),
  ]
  return places.find((path) => existsSync(path))
}

/** Within double quotes curl knows a backslash as an escape. */
function quoted(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
}
