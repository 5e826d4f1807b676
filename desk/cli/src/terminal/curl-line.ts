import { shellWord } from './printable.ts'

export interface CurlFacts {
  /** How to call this program from a shell in the present folder, as words. */
  readonly program: readonly string[]
  /** Set where the platform is not the one that a shell in this folder would find by itself. */
  readonly home: string | undefined
  readonly bundle: string
  readonly url: string
  readonly body: unknown
}

/** A line for a POSIX shell that places an order through the public door, with a token of its own. */
export function curlLine({ program, home, bundle, url, body }: CurlFacts): string {
  const where = home === undefined ? '' : `COUNTERSIGN_HOME=${shellWord(home)} `
  const token = `${where}${program.map(shellWord).join(' ')} token customer`
  return [
    `curl --cacert ${shellWord(bundle)} ${shellWord(url)}`,
    `  -H "Authorization: Bearer $(${token})"`,
    `  -H 'Content-Type: application/json'`,
    `  -d ${shellWord(JSON.stringify(body))}`,
  ].join(' \\\n')
}
