import type { PluginRequest } from '@countersign/kong'

/** All values that cookies of this name have (RFC 6265 section 5.4), as they were sent. */
export function cookieValues(asked: PluginRequest, name: string): string[] {
  const values: string[] = []
  for (const header of asked.all('cookie')) {
    for (const pair of header.split(';')) {
      const at = pair.indexOf('=')
      if (at !== -1 && pair.slice(0, at).trim() === name) values.push(pair.slice(at + 1).trim())
    }
  }
  return values
}
