import { shellWord } from '../terminal/printable.ts'

export interface AcmeKey {
  readonly keyId: string
  /** base64url. */
  readonly macKey: string
  readonly directories: readonly string[]
  readonly expiresAt: string
}
interface AcmeLine {
  readonly client: string
  readonly line: string
}

/**
 * Lines for a POSIX shell that bring a certificate, client by client. Most of these clients take the MAC key as an
 * argument and in no other way; it binds one account, once, and is of no use afterwards. It can begin with a `-`, so it
 * stands behind a `=` where the client would take it for an option.
 */
export function acmeLines(
  key: AcmeKey,
  facts: { readonly name: string; readonly bundle: string; readonly httpPort?: number | undefined },
): readonly AcmeLine[] {
  const directory = shellWord(key.directories[0] ?? '')
  const bundle = shellWord(facts.bundle)
  const name = shellWord(facts.name)
  const kid = shellWord(key.keyId)
  const mac = shellWord(key.macKey)
  // Where the client has to answer, if that is not port 80. dehydrated has no web server of its own.
  const port = (option: string): string =>
    facts.httpPort === undefined ? '' : ` ${option}${facts.httpPort}`
  // A file of assignments that the shell reads; curl's options are split at spaces.
  const config = [
    `CA=${directory}`,
    `EAB_KID=${kid}`,
    `EAB_HMAC_KEY=${mac}`,
    `CURL_OPTS=${shellWord(`--cacert ${facts.bundle}`)}`,
    'WELLKNOWN="$PWD/challenges"',
  ]
  return [
    {
      client: 'certbot',
      line: [
        `REQUESTS_CA_BUNDLE=${bundle} certbot certonly --standalone${port('--http-01-port ')} --server ${directory}`,
        '  --register-unsafely-without-email --agree-tos',
        `  --eab-kid=${kid} --eab-hmac-key=${mac} -d ${name}`,
      ].join(' \\\n'),
    },
    {
      client: 'lego',
      line: [
        `LEGO_CA_CERTIFICATES=${bundle} lego --server ${directory} --accept-tos`,
        `  --email ${shellWord(`admin@${facts.name}`)} --eab --kid=${kid} --hmac=${mac}`,
        `  --domains ${name} --http${port('--http.port :')} run`,
      ].join(' \\\n'),
    },
    {
      client: 'acme.sh',
      line: [
        `acme.sh --register-account --server ${directory} --ca-bundle ${bundle} \\`,
        `  --eab-kid ${kid} --eab-hmac-key ${mac} &&`,
        `acme.sh --issue --server ${directory} --ca-bundle ${bundle} --standalone${port('--httpport ')} -d ${name}`,
      ].join('\n'),
    },
    {
      client: 'dehydrated',
      line: [
        `mkdir -p challenges && printf '%s\\n' ${config.map(quoted).join(' ')} > config &&`,
        'dehydrated --config config --register --accept-terms &&',
        `dehydrated --config config --cron --domain ${name}`,
      ].join('\n'),
    },
  ]
}

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`
