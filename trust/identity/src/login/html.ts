import { createHash } from 'node:crypto'

const STYLE = `:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}
body{margin:0;min-height:100vh;display:grid;place-items:center;background:Canvas;color:CanvasText}
main{width:min(22rem,90vw)}h1{font-size:1.25rem}label{display:block;margin:1rem 0 .25rem}
input{box-sizing:border-box;width:100%;padding:.5rem;font:inherit}
button{margin-top:1.25rem;padding:.5rem 1.25rem;font:inherit}
.fault{border-left:.25rem solid #b00020;padding-left:.75rem}small{opacity:.7}`

/** Text as text, wherever it stands in a page. */
export function escapeHtml(text: string): string {
  return text.replace(
    /[&<>"'`]/g,
    (character) => `&#${character.codePointAt(0)?.toString() ?? ''};`,
  )
}

/** A whole page. `body` is markup: whatever comes from outside was escaped before. */
export function page(title: string, body: string): string {
  return `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>${escapeHtml(title)}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>${STYLE}</style></head>
<body><main>${body}</main></body></html>
`
}

/**
 * Headers of every page. Nothing loads, nothing runs, nobody frames it; forms go to ourselves and, because
 * browsers follow the rule through redirects, to where `formTarget` takes the person back.
 */
export function pageHeaders(formTarget?: string): Record<string, string> {
  const origin = formTarget === undefined ? undefined : URL.parse(formTarget)?.origin
  const targets = origin === undefined || origin === 'null' ? "'self'" : `'self' ${origin}`
  return {
    'content-security-policy': [
      "default-src 'none'",
      `style-src 'sha256-${styleHash()}'`,
      'script-src',
      `form-action ${targets}`,
      "base-uri 'none'",
      "frame-ancestors 'none'",
    ].join('; '),
    'x-frame-options': 'DENY',
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'same-origin',
    'cross-origin-opener-policy': 'same-origin',
    'cache-control': 'no-store',
  }
}

let hash: string | undefined
function styleHash(): string {
  hash ??= createHash('sha256').update(STYLE).digest('base64')
  return hash
}
