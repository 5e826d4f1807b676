import { spawn } from 'node:child_process'
import { resolve } from 'node:path'
import { processEnv } from '../../config/env.ts'

/*
 * Thirty days in less than an hour: the wall clock of every process runs a thousand times too fast (libfaketime), while
 * its timers run as always. Leaves live a day, intermediates five days, the root a month and a half; all is renewed and
 * rotated by itself. Two callers make a whole handshake with every door, over and over. None may fail.
 */
const days = Number(process.argv[2] ?? 30)
const speed = Number(process.argv[3] ?? 1000)
const child = spawn(
  'faketime',
  [
    ...['-f', `+0 x${speed}`, process.execPath, '--conditions=countersign:source'],
    '--disable-warning=ExperimentalWarning',
    resolve(import.meta.dirname, 'simulation.ts'),
    String(days),
  ],
  // Timers and timeouts are about this machine, which is no faster than it is.
  { stdio: 'inherit', env: { ...processEnv(), FAKETIME_DONT_FAKE_MONOTONIC: '1' } },
)
child.once('error', (error) => {
  console.error(`faketime cannot be started (Debian: apt install faketime): ${error.message}`)
  process.exitCode = 1
})
child.once('exit', (code) => {
  process.exitCode = code ?? 1
})
