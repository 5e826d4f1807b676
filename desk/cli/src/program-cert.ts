import type { Command } from 'commander'
import type { Run } from './program.ts'

/** The commands `cert …`: what the authorities have issued, and what is to become of it. */
export function describeCert(program: Command, run: Run): void {
  const cert = program
    .command('cert')
    .description('see, rotate and take back certificates; keep the root; let ACME clients in')
  describeViews(cert, run)
  describeForecast(cert, run)
  describeRotations(cert, run)
  describeRootKey(cert, run)
  cert
    .command('revoke')
    .description('take a certificate back, everywhere and for good, with all of its lineage')
    .argument('<what>', 'a serial or its beginning, or the name of a workload')
    .option('--reason <reason>', 'as RFC 5280 calls them, as in keyCompromise')
    .option('-y, --yes', 'do not ask')
    .option('--json', 'for machines')
    .action(run(async () => (await import('./commands/cert/revoke.ts')).revoke))
  cert
    .command('acme-key')
    .description('make a key with which an ACME client may open an account')
    .argument('<label>', 'what you will know it by')
    .option(
      '--names <names>',
      'host names it may ask for, with all below them, as in a.example,lan',
    )
    .option('--ttl <duration>', 'how long it may be used', '90d')
    .option('--json', 'for machines')
    .action(run(async () => (await import('./commands/cert/acme-key.ts')).acmeKey))
}

function describeViews(cert: Command, run: Run): void {
  cert
    .command('ls')
    .description('show roots, intermediates, and the certificates in use')
    .option('--all', 'those too that are not in use, expired or taken back')
    .option('--name <name>', 'of one workload or host')
    .option('--json', 'for machines')
    .action(run(async () => (await import('./commands/cert/ls.ts')).ls))
  cert
    .command('quorum')
    .description('show which authorities are up, what they sign with, and whether they agree')
    .option('--json', 'for machines')
    .action(run(async () => (await import('./commands/cert/quorum.ts')).quorum))
}

function describeRootKey(cert: Command, run: Run): void {
  const passphrase = ['--passphrase-file <file>', 'file of mode 0600 with its passphrase'] as const
  cert
    .command('export-root')
    .description("take the root's key off line, into a file under a passphrase")
    .argument('<file>', 'a new file, best on a medium that is taken away')
    .option('--root <id>', 'which one, where several keys are here; may be cut')
    .option(...passphrase)
    .option('--json', 'for machines')
    .action(run(async () => (await import('./commands/cert/export-root.ts')).exportRoot))
  cert
    .command('import-root')
    .description("bring the root's key back, for the rare act")
    .argument('<file>', 'a file that export-root wrote')
    .option(...passphrase)
    .option('--json', 'for machines')
    .action(run(async () => (await import('./commands/cert/import-root.ts')).importRoot))
}

function describeForecast(cert: Command, run: Run): void {
  cert
    .command('forecast')
    .description('tell what breaks until a moment if nobody acts, and what prevents it')
    .option('--at <moment>', 'as in +40d or 2027-01-31', '+90d')
    .option('--json', 'for machines')
    .action(run(async () => (await import('./commands/cert/forecast.ts')).forecast))
}

function describeRotations(cert: Command, run: Run): void {
  const rotation = (name: string, description: string): Command =>
    cert
      .command(name)
      .description(description)
      .option('--step <step>', 'one step, now or not at all: prepare, activate, retire or rollback')
      .option('--dry-run', 'say what would happen, and do nothing')
      .option('--without <who...>', 'go on without these, and answer for it; it is recorded')
      .option('--timeout <duration>', 'wait so long for evidence, in all', '10m')
      .option('--json', 'for machines')
  rotation('rotate-root', 'put a new root in the place of the old one, and nobody notices').action(
    run(async () => (await import('./commands/cert/rotate-root.ts')).rotateRoot),
  )
  rotation('rotate-intermediate', 'give the authorities new keys below the same root').action(
    run(async () => (await import('./commands/cert/rotate-intermediate.ts')).rotateIntermediate),
  )
}
