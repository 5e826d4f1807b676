#!/usr/bin/env node
/*
 * Runs on any Node from 20 and hands over to Node 24: the one that `npm ci` brought as the package `node`, or the
 * running one where that is new enough. Sources run as they are in a checkout; a published package runs `dist/`.
 *
 * Stays in between as a thin shell: same terminal, same exit code, signals passed on.
 */
import { spawn } from 'node:child_process'
import { accessSync, constants, existsSync, mkdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const NODE_MAJOR_MIN = 24
const room = join(dirname(fileURLToPath(import.meta.url)), '..')
const source = join(room, 'src', 'main.ts')
const published = join(room, 'dist', 'main.js')
const fromSource = existsSync(source) && !room.split(/[\\/]/).includes('node_modules')
const node = findNode()

if (node === undefined) {
  console.error(
    `countersign needs Node ${NODE_MAJOR_MIN} or later; this is ${process.version} and the npm package "node" is not installed.\nRun: npm ci`,
  )
  process.exit(6)
}

const child = spawn(
  node,
  [
    '--disable-warning=ExperimentalWarning',
    // Nothing here handles much at a time; the supervisor stays for long.
    '--max-semi-space-size=4',
    ...(fromSource ? ['--conditions=countersign:source', source] : [published]),
    ...process.argv.slice(2),
  ],
  { stdio: 'inherit', env: { ...compileCache(), ...process.env } },
)
// The terminal sends Ctrl-C to the child as well; the child takes signals that come close together for one.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
child.on('error', (error) => {
  console.error(`cannot start ${node}: ${error.message}`)
  process.exit(6)
})
child.on('exit', (code, signal) => {
  if (signal === null) process.exit(code ?? 1)
  process.removeAllListeners(signal)
  process.kill(process.pid, signal)
})

function findNode() {
  if (Number(process.versions.node.split('.')[0]) >= NODE_MAJOR_MIN) return process.execPath
  try {
    const manifest = createRequire(import.meta.url).resolve('node/package.json')
    const binary = join(
      dirname(manifest),
      'bin',
      process.platform === 'win32' ? 'node.exe' : 'node',
    )
    return existsSync(binary) ? binary : undefined
  } catch {
    return undefined
  }
}

// Compiled code is kept between starts, in a folder that only whoever installed can write: never in a shared one.
function compileCache() {
  const beside = join(room, '..', '..', 'node_modules')
  const folder = [beside, homedir()].find(writable)
  if (folder === undefined) return {}
  const cache = join(folder, '.cache', 'countersign', 'compile')
  try {
    mkdirSync(cache, { recursive: true, mode: 0o700 })
    accessSync(cache, constants.W_OK)
    return { NODE_COMPILE_CACHE: cache }
  } catch {
    return {}
  }
}

function writable(folder) {
  try {
    accessSync(folder, constants.W_OK)
    return true
  } catch {
    return false
  }
}
