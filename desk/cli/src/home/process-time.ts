import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/**
 * When a process started, as text that only that process has: a number may be given out again to another one.
 * `undefined` where no such process runs.
 */
export function processStart(pid: number): string | undefined {
  if (process.platform === 'linux') return fromProc(pid)
  try {
    const text = execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' })
    return text.trim() || undefined
  } catch {
    return undefined
  }
}

// proc(5): field 22 of /proc/<pid>/stat, after the name, which may hold spaces and brackets. State Z is over.
function fromProc(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' ? undefined : fields[19]
  } catch {
    return undefined
  }
}
