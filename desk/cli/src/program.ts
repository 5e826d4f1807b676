import { messageOf } from '@countersign/ground/errors'
import { Command, CommanderError } from 'commander'
import { describeBackup } from './program-backup.ts'
import { describeCert } from './program-cert.ts'
import { describeGateway } from './program-gateway.ts'
import { describeServices } from './program-services.ts'
import type { Desk } from './desk.ts'
import { DeskError } from './errors.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'

/** Runs one command line. Never throws: what goes wrong is printed and told by the exit code. */
export async function runProgram(argv: readonly string[], desk: Desk): Promise<number> {
  let code: ExitCode = EXIT.ok
  const program = describeCommands(desk, (ended) => {
    code = ended
  })
  try {
    await program.parseAsync([...argv], { from: 'user' })
    return code
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
    const { red } = desk.output.colours
    if (error instanceof DeskError) {
      desk.output.note(`${red('countersign:')} ${error.message}`)
      return error.exitCode
    }
    desk.output.note(`${red('countersign:')} ${messageOf(error)}`)
    if (desk.env.COUNTERSIGN_LOG_LEVEL === 'debug' && error instanceof Error)
      desk.output.note(error.stack ?? '')
    return EXIT.failed
  }
}

/* Each command loads its code when it runs, so that no command pays for another. The path of a file is its words. */
function describeCommands(desk: Desk, end: (code: ExitCode) => void): Command {
  const run =
    <A extends unknown[]>(load: () => Promise<(desk: Desk, ...args: A) => Promise<ExitCode>>) =>
    async (...args: A): Promise<void> =>
      end(await (await load())(desk, ...args))
  const program = new Command('countersign')
    .description('A zero-trust platform for microservices, in one command.')
    .version('0.1.0')
    .exitOverride()
    .showSuggestionAfterError()
    .showHelpAfterError('(countersign --help lists all commands)')
  program.configureOutput({
    writeOut: (text) => desk.output.line(text.trimEnd()),
    writeErr: (text) => desk.output.note(text.trimEnd()),
    getOutHasColors: () => false,
  })

  program
    .command('up')
    .description('start the platform; Ctrl-C stops it')
    .argument('[process]', 'one that was stopped, as in order-1, beside those that run')
    .option('-d, --detach', 'return when all is ready and leave it running')
    .option('--one-process', 'run all parts in one process instead of one each')
    .action(run(async () => (await import('./commands/up.ts')).up))
  program
    .command('down')
    .description('stop the platform')
    .argument('[process]', 'one of them, as in order-1; all where none is named')
    .option('--wipe', 'forget everything: keys, people, orders, records')
    .action(run(async () => (await import('./commands/down.ts')).down))
  program
    .command('restart')
    .description('start processes anew, one after the other, without losing what is under way')
    .argument('<name...>', 'as in gateway-1, or gateway for all of that name')
    .action(run(async () => (await import('./commands/restart.ts')).restart))
  program
    .command('status')
    .description('show each process and engine')
    .option('--json', 'for machines')
    .action(run(async () => (await import('./commands/status.ts')).status))
  program
    .command('logs')
    .description('show what processes and engines say')
    .argument('[name]', 'one of them, as in order-1; all where none is named')
    .option('-f, --follow', 'go on until Ctrl-C')
    .option('-n, --lines <count>', 'so many last lines of each', '20')
    .option('--json', 'lines as they were written')
    .action(run(async () => (await import('./commands/logs.ts')).logs))
  program
    .command('tour')
    .description('walk a request through every door and show what proved each hop')
    .option('--json', 'for machines')
    .action(run(async () => (await import('./commands/tour.ts')).tour))
  describeToken(program, run)
  program
    .command('explain')
    .description('tell why a request was refused, and what would have let it pass')
    .argument('<request-id>', 'from the problem, or from the header x-request-id')
    .option('--json', 'for machines')
    .action(run(async () => (await import('./commands/explain.ts')).explain))
  describeAudit(program, run)
  describeCert(program, run)
  describeBackup(program, run)
  describeGateway(program, run)
  describeServices(program, run)
  program
    .command('openapi')
    .description('print the OpenAPI page of a service that runs')
    .argument('<service>', 'its name, as in order')
    .action(run(async () => (await import('./commands/openapi.ts')).openapi))
  program
    .command('prometheus')
    .description('print the configuration for a Prometheus that watches this platform')
    .option('--path', 'print where it lies instead')
    .action(run(async () => (await import('./commands/prometheus.ts')).prometheus))
  program
    .command('doctor')
    .description('look for what could keep the platform from working, and say what to do')
    .option('--json', 'for machines')
    .action(run(async () => (await import('./commands/doctor.ts')).doctor))
  return program
}

export type Run = <A extends unknown[]>(
  load: () => Promise<(desk: Desk, ...args: A) => Promise<ExitCode>>,
) => (...args: A) => Promise<void>

function describeToken(program: Command, run: Run): void {
  const token = program
    .command('token')
    .description('log in as a demo person and print the access token')
    .argument('[person]', 'admin, customer, support or auditor', 'customer')
    .option('--json', 'with its lifetime and claims')
    .action(run(async () => (await import('./commands/token.ts')).token))
  token
    .command('keys')
    .description('print the keys that tokens are signed with, for services that check them')
    .option('--pem', 'the one that signs now, as a PEM public key, in place of a JWK set')
    .action(run(async () => (await import('./commands/token/keys.ts')).keys))
}

function describeAudit(program: Command, run: Run): void {
  const audit = program.command('audit').description('read and check the audit log')
  audit
    .command('tail')
    .description('show the last events')
    .option('-f, --follow', 'go on until Ctrl-C')
    .option('-n, --lines <count>', 'so many events', '20')
    .option('--request <id>', 'of one request')
    .option('--user <id>', 'of one person')
    .option('--service <name>', 'of one service')
    .option('--action <name>', 'as in payment.charge')
    .option('--status <status>', 'success, refused, failure or intent')
    .option('--alerts', 'only what detection found')
    .option('--json', 'one event a line')
    .action(run(async () => (await import('./commands/audit/tail.ts')).tail))
  audit
    .command('verify')
    .description('prove the whole log from its public key alone')
    .option('--key <key>', 'the verifier key, where the state folder is not to be believed')
    .option('--json', 'for machines')
    .action(run(async () => (await import('./commands/audit/verify.ts')).verify))
}
