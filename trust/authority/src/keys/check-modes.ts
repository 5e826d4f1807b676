import { readdirSync, type Stats, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { AuthorityError } from '../errors.ts'
import { PRIVATE_DEPTH_MAX, PRIVATE_ENTRIES_MAX } from './limits.ts'

/*
 * What is secret lies in files of mode 0600 in folders of mode 0700, and belongs to us or to root. Whatever is found
 * otherwise is named and not mended: somebody may have read or exchanged it since, which a person has to think about.
 * What everybody may read, such as the roots, nobody else may write.
 */
const READABLE: ReadonlySet<string> = new Set(['bundle.pem', 'trust.json'])
const OTHERS = 0o077
const OTHERS_WRITE = 0o022

/** A place that is open to others, and what closes it. */
export interface Loose {
  readonly path: string
  readonly found: string
  readonly remedy: string
}

/**
 * Everything in and below these files and folders that others may read, change or enter. Links count as what they lead
 * to. What is not there is not open. Changes nothing; needs no right to read the files themselves.
 */
export function findLoose(paths: readonly string[], depth = PRIVATE_DEPTH_MAX): readonly Loose[] {
  const loose: Loose[] = []
  let seen = 0
  const look = (path: string, below: number): void => {
    seen += 1
    if (!(seen <= PRIVATE_ENTRIES_MAX))
      throw new AuthorityError('MODES_TOO_WIDE', `${path}: too many files to look at every mode`)
    const found = statOf(path)
    if (found === undefined) return
    const fault = faultOf(path, found)
    if (fault !== undefined) loose.push(fault)
    if (found.isDirectory() && below > 0)
      for (const name of namesIn(path)) look(join(path, name), below - 1)
  }
  for (const path of paths) look(path, depth)
  return loose
}

/** Refuses to go on where anything in or below is open to others. Throws `AuthorityError` MODES_TOO_WIDE. */
export function requirePrivate(paths: readonly string[], depth = PRIVATE_DEPTH_MAX): void {
  const loose = findLoose(paths, depth)
  if (loose.length === 0) return
  const lines = loose.map(({ path, found, remedy }) => `  ${path} ${found}; do: ${remedy}`)
  throw new AuthorityError(
    'MODES_TOO_WIDE',
    `others may have read or changed what is secret; look who, then close it:\n${lines.join('\n')}`,
  )
}

function faultOf(path: string, stats: Stats): Loose | undefined {
  const { mode, uid } = stats
  const folder = stats.isDirectory()
  const forbidden = !folder && READABLE.has(basename(path)) ? OTHERS_WRITE : OTHERS
  const shown = (mode & 0o777).toString(8).padStart(4, '0')
  if ((mode & forbidden) !== 0) {
    const wanted = folder ? '700' : forbidden === OTHERS ? '600' : '644'
    return { path, found: `has mode ${shown}`, remedy: `chmod ${wanted} ${path}` }
  }
  const me = process.getuid?.()
  if (me === undefined || uid === me || uid === 0) return undefined
  return { path, found: `belongs to the user with id ${uid}`, remedy: `chown ${me} ${path}` }
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path)
  } catch (error) {
    // A file that was there a moment ago is nobody's secret any more.
    if (isCode(error, 'ENOENT') || isCode(error, 'ENOTDIR')) return undefined
    throw unreadable(path, error)
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    if (isCode(error, 'ENOENT')) return []
    throw unreadable(folder, error)
  }
}

function unreadable(path: string, cause: unknown): AuthorityError {
  const code = (cause as NodeJS.ErrnoException).code ?? 'unknown error'
  return new AuthorityError('MODES_TOO_WIDE', `the mode of ${path} cannot be read (${code})`, {
    cause,
  })
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
