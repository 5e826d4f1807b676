import { type AcmeKey, acmeLines } from '../../authorities/acme-lines.ts'
import { authoritiesOf } from '../../authorities/authorities.ts'
import { type Config, readConfig } from '../../config/config.ts'
import type { Desk } from '../../desk.ts'
import { DeskError } from '../../errors.ts'
import { EXIT, type ExitCode } from '../../exit-codes.ts'
import { durationOption } from '../../options.ts'
import { table } from '../../terminal/table.ts'

export interface AcmeKeyOptions {
  readonly names?: string
  readonly ttl: string
  readonly json?: boolean
}

/**
 * `countersign cert acme-key`: a key with which an ACME client may open one account. Its MAC key is shown here once and
 * kept nowhere in clear.
 */
export async function acmeKey(
  desk: Desk,
  label: string,
  options: AcmeKeyOptions,
): Promise<ExitCode> {
  if (!/^[\x20-\x7e]{1,64}$/.test(label))
    throw new DeskError('USAGE', 'a label is 1 to 64 printable characters')
  const names = options.names?.split(',').map((name) => name.trim().toLowerCase())
  const ttlSeconds = Math.floor(durationOption('--ttl', options.ttl) / 1000)
  // First, as the key is shown once: a mistake in the configuration must not come in between.
  const config = readConfig(desk.env, desk.folder)
  const body = { label, ttlSeconds, ...(names === undefined ? {} : { names }) }
  const key = await authoritiesOf(desk).ask((client) => client.createAcmeKey({ body }))
  if (options.json === true) desk.output.json(key)
  else desk.output.line(render(desk, key, { name: names?.[0] ?? 'example.org', config }))
  return EXIT.ok
}

function render(
  { output, layout }: Desk,
  key: AcmeKey,
  { name, config }: { name: string; config: Config },
): string {
  const { bold, dim } = output.colours
  const httpPort = config['certificates.acme.httpPort']
  const rows = [
    ['key id', key.keyId],
    ['MAC key', key.macKey],
    ['expires', key.expiresAt],
    ...key.directories.map((directory, i) => [i === 0 ? 'directory' : '', directory]),
  ]
  const lines = acmeLines(key, { name, bundle: layout.bundle, httpPort }).flatMap(
    ({ client, line }) => ['', bold(client), line],
  )
  return [
    table(['', ''], rows).trimStart(),
    '',
    dim(
      'The MAC key is shown this once. Any of the directories will do; elsewhere take the roots from /roots.pem beside it.',
    ),
    dim(proofsAt(config)),
    ...lines,
  ].join('\n')
}

/** Where a client's answers are looked for: who runs it elsewhere has to say so before. */
function proofsAt(config: Config): string {
  const resolver = config['certificates.acme.resolver'] ?? 'system'
  const found = resolver === 'system' ? "this machine's DNS and /etc/hosts" : resolver
  return [
    `Names are proven at port ${config['certificates.acme.httpPort'] ?? 80} of their addresses, which ${found} must say and which`,
    `must lie in ${config['certificates.acme.networks']}. Otherwise set certificates.acme.networks, .resolver or .httpPort.`,
  ].join('\n')
}
