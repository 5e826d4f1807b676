import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { printable } from '../terminal/printable.ts'

const LISTENING = '0A'

/**
 * The process that listens on a TCP port, as far as this user may see it (proc(5)); `undefined` elsewhere and
 * on systems without /proc.
 */
export function portHolder(
  port: number,
): { readonly pid: number; readonly name: string } | undefined {
  const inodes = new Set(
    ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((file) => listeners(file, port)),
  )
  if (inodes.size === 0) return undefined
  for (const entry of list('/proc')) {
    if (!/^[0-9]+$/.test(entry)) continue
    const holds = list(`/proc/${entry}/fd`).some((fd) => {
      const inode = /^socket:\[([0-9]+)\]$/.exec(linkOf(`/proc/${entry}/fd/${fd}`))?.[1]
      return inode !== undefined && inodes.has(inode)
    })
    if (holds) return { pid: Number(entry), name: printable(textOf(`/proc/${entry}/comm`).trim()) }
  }
  return undefined
}

// Columns: sl, local_address (hex address:hex port), rem_address, st, …, the tenth is the inode.
function listeners(file: string, port: number): readonly string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  return textOf(file)
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[1]?.endsWith(suffix) === true && fields[3] === LISTENING)
    .map((fields) => fields[9] ?? '')
}

// Processes come and go while one looks: what cannot be read is not there.
function list(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
