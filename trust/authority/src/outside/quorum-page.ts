import { createHash } from 'node:crypto'
import type { Quorum } from '@countersign/contract/platform'

/** What the page shows. All of it is public: it stands in certificates and lists anyway. */
export interface QuorumFacts {
  readonly trustDomain: string
  readonly quorum: Pick<Quorum, 'instance' | 'sequence' | 'authorities' | 'roots'>
  /** SHA-256 of each root's certificate, by key id; lower case hex. */
  readonly fingerprints: ReadonlyMap<string, string>
  /** Key ids of the issuers whose revocation lists are served here. */
  readonly lists: readonly string[]
  /** Milliseconds since 1970. */
  readonly now: number
}

const STYLE = `:root{color-scheme:light dark}
body{font:1rem/1.5 system-ui,sans-serif;margin:2rem auto;padding:0 1rem;max-width:64rem}
table{border-collapse:collapse;width:100%;margin:0 0 2rem}
caption{text-align:left;font-weight:600;padding:.5rem 0}
th,td{text-align:left;vertical-align:top;padding:.25rem 1rem .25rem 0;border-bottom:1px solid #8886}
code{overflow-wrap:anywhere}`

/** No script, no form, no frame, nothing from elsewhere: the one style is known by its hash. */
export const QUORUM_PAGE_CSP: string = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** The state of the authorities for people with a browser. HTML; everything that is not ours is escaped. */
export function quorumPage(facts: QuorumFacts): string {
  const { trustDomain, quorum, lists, now } = facts
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Authorities of ${escaped(trustDomain)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>Authorities of ${escaped(trustDomain)}</h1>
<p>As <strong>${escaped(quorum.instance)}</strong> sees it at ${time(now)}. Trust bundle number ${escaped(quorum.sequence)}.</p>
${table('Authorities', ['Authority', 'Health', 'Bundle', 'Intermediate', 'State', 'Ends'], authorityRows(facts))}
${table('Roots', ['Key id', 'State', 'Ends', 'SHA-256 of the certificate'], rootRows(facts))}
<p><a href="/roots.pem">All roots to trust, PEM</a></p>
${lists.length === 0 ? '' : `<h2>Revocation lists</h2>\n<ul>\n${lists.map(listItem).join('\n')}\n</ul>\n`}</main>
</body>
</html>
`
}

type Cell = { readonly html: string }
const text = (value: string | number): Cell => ({ html: escaped(value) })
const code = (value: string): Cell => ({ html: `<code>${escaped(value)}</code>` })

function authorityRows({ quorum }: QuorumFacts): readonly (readonly Cell[])[] {
  return quorum.authorities.flatMap(({ instance, up, seenAt, sequence, intermediates }) => {
    const health: Cell = up
      ? text('up')
      : { html: seenAt === undefined ? 'down' : `down since ${time(seenAt)}` }
    const own = [text(instance), health, text(sequence ?? '–')]
    if (intermediates.length === 0) return [[...own, text('none'), text('–'), text('–')]]
    return intermediates.map(({ id, state, notAfter }) => [
      ...own,
      code(id),
      text(state),
      { html: time(notAfter) },
    ])
  })
}

function rootRows({ quorum, fingerprints }: QuorumFacts): readonly (readonly Cell[])[] {
  return quorum.roots.map(({ id, state, notAfter }) => [
    code(id),
    text(state),
    { html: time(notAfter) },
    code(inPairs(fingerprints.get(id) ?? '–')),
  ])
}

/** As other programs show it, so that people can compare: `AB:CD:…`. */
const inPairs = (hex: string): string => hex.toUpperCase().replaceAll(/(..)(?=.)/g, '$1:')

function listItem(id: string): string {
  const path = `/crl/${encodeURIComponent(id)}.crl`
  return `<li><a href="${escaped(path)}">of issuer <code>${escaped(id)}</code></a></li>`
}

function table(
  caption: string,
  heads: readonly string[],
  rows: readonly (readonly Cell[])[],
): string {
  const head = heads.map((name) => `<th scope="col">${escaped(name)}</th>`).join('')
  const body = rows.map(([first, ...others]) => {
    const cells = others.map(({ html }) => `<td>${html}</td>`).join('')
    return `<tr><th scope="row">${first?.html ?? ''}</th>${cells}</tr>`
  })
  return `<table>
<caption>${escaped(caption)}</caption>
<thead><tr>${head}</tr></thead>
<tbody>
${body.join('\n')}
</tbody>
</table>`
}

function time(ms: number): string {
  const iso = `${new Date(ms).toISOString().slice(0, 19)}Z`
  return `<time datetime="${iso}">${iso.replace('T', ' ').replace('Z', ' UTC')}</time>`
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}
function escaped(value: string | number): string {
  return String(value).replaceAll(/[&<>"']/g, (letter) => ESCAPES[letter] ?? '')
}
