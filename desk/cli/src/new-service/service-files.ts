import { shellWord } from '../terminal/printable.ts'
import { SERVICE_FILE } from '../home/service-file.ts'
import { fileDependencies } from './dependency-links.ts'

const VERSION = '0.1.0'
const ZOD_VERSION = '4.6.7'

export interface NewService {
  readonly name: string
  /** State folder of the platform that it will run beside. */
  readonly home: string
  /** Where its packages come from; the registry where nothing is said. */
  readonly checkout: string | undefined
}

/** The files of a new service, by path. */
export function serviceFiles(service: NewService): readonly (readonly [string, string])[] {
  const { name, home, checkout } = service
  const published = {
    '@countersign/cli': VERSION,
    '@countersign/contract': VERSION,
    '@countersign/service': VERSION,
  }
  const manifest = {
    name,
    version: '0.1.0',
    private: true,
    type: 'module',
    scripts: { start: 'countersign run main.ts', types: 'tsc --noEmit' },
    dependencies: {
      ...(checkout === undefined ? published : fileDependencies(checkout)),
      zod: ZOD_VERSION,
    },
  }
  return [
    ['package.json', json(manifest)],
    [SERVICE_FILE, json({ service: name, home })],
    ['contract.ts', contractFile(name)],
    ['main.ts', mainFile(name)],
    ['tsconfig.json', json(TSCONFIG)],
    ['README.md', readme(name, home)],
    ['.gitignore', 'node_modules/\n'],
  ]
}

const TSCONFIG = {
  compilerOptions: {
    target: 'es2024',
    lib: ['es2024', 'esnext.disposable'],
    module: 'nodenext',
    customConditions: ['countersign:source'],
    types: ['node'],
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    erasableSyntaxOnly: true,
    allowImportingTsExtensions: true,
    verbatimModuleSyntax: true,
  },
  include: ['*.ts'],
}

function contractFile(name: string): string {
  return `import { contract, endpoint } from '@countersign/contract'
import { z } from 'zod'

/** What this service answers, to whom and how often. All checks follow from it. */
export const service = contract('${name}', {
  greet: endpoint({
    at: 'GET /${name}/:who',
    callers: ['gateway'],
    roles: ['customer', 'support', 'admin'],
    limit: '5/second per person',
    audited: true,
    reply: z.object({ greeting: z.string() }),
  }),
})
`
}

function mainFile(name: string): string {
  return `import { serve } from '@countersign/service'
import { service } from './contract.ts'

await serve(service, {
  greet: ({ params, permit }) => ({
    greeting: \`Hello \${params.who}, from ${name} and \${permit.person?.name}\`,
  }),
})
`
}

function readme(name: string, home: string): string {
  return `# ${name}

A service on countersign. It has a certificate of its own, speaks mTLS only, and answers whom its contract lists.

\`\`\`
npm start                                  # joins the running platform; Ctrl-C stops it
curl --cacert ${shellWord(`${home}/pki/bundle.pem`)} https://localhost:8443/${name}/world \\
  -H "Authorization: Bearer $(npx countersign token customer)"
npx countersign explain <request-id>       # why a request was refused
npm run types                              # checks the types
\`\`\`

- \`contract.ts\` says who may call what, and how often. Take \`callers\` or \`limit\` away and the service does not start.
- \`main.ts\` answers. \`permit\` is the proof that the caller may.
- \`.countersign.json\` names the state folder of the platform: \`COUNTERSIGN_HOME\` goes before it.
`
}

const json = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`
