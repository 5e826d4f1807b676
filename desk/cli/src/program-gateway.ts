import type { Command } from 'commander'
import type { Run } from './program.ts'

const JSON_OPTION = ['--json', 'for machines'] as const
const AS = ['--as <person>', 'who acts; needs the role admin', 'admin'] as const

/** The commands for what the gateways are configured to do: Kong's Admin API, and declarative files. */
export function describeGateway(program: Command, run: Run): void {
  program
    .command('admin-env')
    .description('print shell settings with which curl http://kong:8001/… works; eval them')
    .option(...AS)
    .option('--show-key', 'print the key, too, as KONG_ADMIN_TOKEN')
    .option('--revoke', 'end all keys of this person and take the settings back')
    .option(...JSON_OPTION)
    .action(run(async () => (await import('./commands/admin-env.ts')).adminEnv))
  const gateway = program
    .command('gateway')
    .description('see and change what the gateways are configured to do, by Kong’s kong.yml')
  describeTexts(gateway, run)
  describeVersions(gateway, run)
}

function describeTexts(gateway: Command, run: Run): void {
  gateway
    .command('export')
    .description('print the whole configuration as kong.yml')
    .option('--format <version>', 'of the declarative format', '3.0')
    .option('--secrets <how>', 'sealed, for this platform alone, or plain, for a Kong', 'sealed')
    .option(...AS)
    .action(run(async () => (await import('./commands/gateway/export.ts')).exportConfig))
  gateway
    .command('apply')
    .description('put a kong.yml in place of the whole configuration, as one change')
    .argument('<file>', 'as in kong.yml; - for standard input')
    .option(...AS)
    .option(...JSON_OPTION)
    .action(run(async () => (await import('./commands/gateway/apply.ts')).apply))
  gateway
    .command('diff')
    .description('tell what a kong.yml would change, and how it would decide what was decided')
    .argument('<file>', 'as in kong.yml; - for standard input')
    .option(
      '-n, --last <count>',
      'events of the audit log that are looked at, 10000 at most',
      '1000',
    )
    .option('--since <time>', 'none from longer ago, as in 30m, 12h, 7d')
    .option(...AS)
    .option(...JSON_OPTION)
    .action(run(async () => (await import('./commands/gateway/diff.ts')).diff))
}

function describeVersions(gateway: Command, run: Run): void {
  gateway
    .command('status')
    .description('show which version each gateway runs with')
    .option(...JSON_OPTION)
    .action(run(async () => (await import('./commands/gateway/status.ts')).status))
  gateway
    .command('history')
    .description('show the changes, the newest first, or what one of them has changed')
    .argument('[version]', 'one of them')
    .option('-n, --lines <count>', 'so many changes', '20')
    .option(...AS)
    .option(...JSON_OPTION)
    .action(run(async () => (await import('./commands/gateway/history.ts')).history))
  gateway
    .command('rollback')
    .description('undo every change after a version, as one change more')
    .argument('<version>', 'the one to go back to; see: countersign gateway history')
    .option('-y, --yes', 'do not ask')
    .option(...AS)
    .option(...JSON_OPTION)
    .action(run(async () => (await import('./commands/gateway/rollback.ts')).rollback))
}
