import { openDesk } from './desk.ts'
import { runProgram } from './program.ts'
import { askTerminal } from './terminal/ask.ts'
import { terminalOutput } from './terminal/output.ts'

// `countersign audit tail | head` closes our output while we write: that is an end, not a failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) =>
  process.exit(error.code === 'EPIPE' ? 0 : 1),
)
const output = terminalOutput(process.env.NO_COLOR)
const desk = openDesk({
  env: process.env,
  folder: process.cwd(),
  output,
  ask: askTerminal(),
})
const code = await runProgram(process.argv.slice(2), desk)
// A pipe takes what was written in its own time.
await Promise.all(
  [process.stdout, process.stderr].map((stream) => new Promise((done) => stream.write('', done))),
)
process.exit(code)
