import { createLog, type Log } from '@countersign/ground/telemetry'

/** A log that keeps its lines for a test to look at. */
export function testLog(): { log: Log; lines: string[] } {
  const lines: string[] = []
  const log = createLog({
    service: 'test',
    node: 'test-1',
    destination: { write: (line: string) => void lines.push(line) },
  })
  return { log, lines }
}
