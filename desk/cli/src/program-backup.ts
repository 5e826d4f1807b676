import type { Command } from 'commander'
import type { Run } from './program.ts'

/** The commands for the day on which the machine is gone. */
export function describeBackup(program: Command, run: Run): void {
  const passphrase = ['--passphrase-file <file>', 'file of mode 0600 with its passphrase'] as const
  program
    .command('backup')
    .description('write the whole state into one sealed file, while the platform is down')
    .argument('<file>', 'a new file, best on another disk')
    .option(...passphrase)
    .option('--json', 'for machines')
    .action(run(async () => (await import('./commands/backup.ts')).backup))
  program
    .command('restore')
    .description('bring a backup back into an empty place, for `countersign up` to go on with')
    .argument('<file>', 'a file that `countersign backup` wrote')
    .option(...passphrase)
    .option('--check', 'only see whether it is whole and opens')
    .option('--json', 'for machines')
    .action(run(async () => (await import('./commands/restore.ts')).restore))
}
