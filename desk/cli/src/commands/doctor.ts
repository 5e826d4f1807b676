import type { Desk } from '../desk.ts'
import type { Finding } from '../doctor/check.ts'
import { checkPostgres, checkRedis } from '../doctor/check-engines.ts'
import {
  checkCertificates,
  checkConfig,
  checkModes,
  checkNode,
  checkPort,
  checkSpools,
} from '../doctor/checks.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { currentLock } from '../home/lock.ts'
import { readStatus } from './status.ts'

/** `countersign doctor`: 0 when nothing is broken, 1 otherwise. Changes nothing. */
export async function doctor(desk: Desk, options: { json?: boolean }): Promise<ExitCode> {
  const findings: readonly Finding[] = [
    checkNode(process.version),
    checkConfig(desk),
    checkModes(desk),
    await checkPort(desk, 'publicPort'),
    await checkPort(desk, 'adminPort'),
    checkPostgres(process.platform, process.arch),
    checkRedis(desk.env.PATH),
    await checkCertificates(desk, Date.now()),
    await checkSpools(desk),
    await checkProcesses(desk),
  ]
  const broken = findings.some((each) => each.health === 'broken')
  const { line, json, colours } = desk.output
  if (options.json === true) json({ ok: !broken, findings })
  else {
    const marks = {
      ok: colours.green('ok'),
      attention: colours.yellow('look'),
      broken: colours.red('broken'),
    }
    for (const { name, health, found, remedy } of findings) {
      line(`${marks[health]}  ${colours.bold(name)}: ${found}`)
      if (remedy !== undefined) line(`      ${remedy}`)
    }
  }
  return broken ? EXIT.failed : EXIT.ok
}

async function checkProcesses(desk: Desk): Promise<Finding> {
  const name = 'processes'
  if (currentLock(desk.layout) === undefined)
    return { name, health: 'ok', found: 'the platform does not run' }
  const { processes } = await readStatus(desk)
  const ill = processes
    .filter((each) => each.health !== 'ready')
    .map((each) => `${each.name} is ${each.health}`)
  if (ill.length === 0)
    return { name, health: 'ok', found: `${processes.length} run and are ready` }
  return { name, health: 'broken', found: ill.join(', '), remedy: 'see: countersign logs <name>' }
}
