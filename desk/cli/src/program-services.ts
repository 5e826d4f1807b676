import type { Command } from 'commander'
import type { Run } from './program.ts'

/** The commands for services of users: to write one, to run it, to take one in that knows nothing of this platform. */
export function describeServices(program: Command, run: Run): void {
  program
    .command('new')
    .description('write a service of ten lines that runs on this platform')
    .argument('<service>', 'its name, as in hello')
    .action(run(async () => (await import('./commands/new.ts')).newService))
  program
    .command('run')
    .description('run a service of yours beside the platform')
    .argument('<main>', 'its main file, as in main.ts')
    .option('--name <service>', 'its name, where .countersign.json does not tell')
    .option('--number <n>', 'which of several processes of that name', '1')
    .action(run(async () => (await import('./commands/run.ts')).runService))
  program
    .command('adopt')
    .description('give a program in any language a certificate and a place among the services')
    .argument('<name>', 'what it is called here, as in order-service')
    .argument('[command...]', 'after --: starts it, and again when its certificate was renewed')
    .option('--port <port>', 'where it answers HTTPS on 127.0.0.1; without it, it is a client only')
    .option('--certs <folder>', 'where server-key.pem, server-cert.pem and ca-cert.pem go', '.')
    .option('--number <n>', 'which of several processes of that name', '1')
    .option('--reload <signal>', 'send this after a renewal, as in HUP, in place of a restart')
    .action(run(async () => (await import('./commands/adopt.ts')).adopt))
}
