import { type ChildProcess, fork } from 'node:child_process'
import { mkdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { generateToken, initialiseAuthority, writeBootstrapToken } from '@countersign/authority'
import { authority } from '@countersign/contract/platform'
import { createMasterKey } from '@countersign/ground/seal'
import { freePort, temporaryFolder } from '@countersign/ground/testkit'
import { joinMesh } from '@countersign/service'
import { toldEnv } from '../../config/env.ts'
import type { Findings } from './caller.ts'

/* The house of the simulation: what certificates need and nothing else. The desk is this process. */
const DAY_MS = 86_400_000
const TOKEN_SECONDS = 86_400
const days = Number(process.argv[2] ?? 30)
const TRUST_DOMAIN = 'month.test'
using folder = temporaryFolder('csm-')
const pki = join(folder.path, 'pki')
const masterKeyFile = join(folder.path, 'master.key')
const masterKey = await createMasterKey(masterKeyFile)
const AUTHORITIES = ['authority-1', 'authority-2']
const LIFETIMES = { rootMs: 45 * DAY_MS, intermediateMs: 5 * DAY_MS }
const { bundleFile } = await initialiseAuthority({
  ...{ folder: pki, masterKey, trustDomain: TRUST_DOMAIN, instances: AUTHORITIES },
  lifetimes: LIFETIMES,
})
const deskToken = generateToken()
const expiresAt = new Date(Date.now() + DAY_MS)
await writeBootstrapToken(pki, { name: 'desk', token: deskToken, expiresAt })

const ports = new Map<string, number>()
const INSTANCES = [
  ...AUTHORITIES,
  'registry-1',
  'audit-1',
  'order-1',
  'order-2',
  'user-1',
  'user-2',
]
for (const instance of INSTANCES) ports.set(instance, await freePort())
const join1 = [await freePort(), await freePort()]
const portOf = (instance: string): number => ports.get(instance) ?? 0
const nameOf = (instance: string): string => instance.slice(0, -2)

const shared = {
  COUNTERSIGN_TRUST_DOMAIN: TRUST_DOMAIN,
  COUNTERSIGN_TRUST_BUNDLE_FILE: bundleFile,
  COUNTERSIGN_JOIN: join1.map((port) => `127.0.0.1:${port}`).join(),
  COUNTERSIGN_SEEDS: INSTANCES.filter((each) => /^(authority|registry|audit)/.test(each))
    .map((each) => `${nameOf(each)}=127.0.0.1:${portOf(each)}`)
    .join(),
  COUNTERSIGN_MASTER_KEY_FILE: masterKeyFile,
  COUNTERSIGN_LOG_LEVEL: 'warn',
}

async function envOf(instance: string): Promise<Record<string, string>> {
  const state = join(folder.path, 'parts', instance)
  await mkdir(state, { recursive: true, mode: 0o700 })
  const at = AUTHORITIES.indexOf(instance)
  return {
    ...shared,
    COUNTERSIGN_INSTANCE: instance,
    COUNTERSIGN_LISTEN: `127.0.0.1:${portOf(instance)}`,
    COUNTERSIGN_STATE: state,
    ...(at < 0
      ? {}
      : {
          AUTHORITY_FOLDER: pki,
          AUTHORITY_JOIN_LISTEN: `127.0.0.1:${join1[at]}`,
          AUTHORITY_PEERS: `127.0.0.1:${portOf(AUTHORITIES[1 - at] ?? '')}`,
          AUTHORITY_LEAF_TTL: String(86_400),
          AUTHORITY_INTERMEDIATE_TTL: String(LIFETIMES.intermediateMs / 1_000),
          AUTHORITY_ROOT_TTL: String(LIFETIMES.rootMs / 1_000),
        }),
  }
}

const children: ChildProcess[] = []
async function start(instance: string, env: Record<string, string>): Promise<ChildProcess> {
  const child = fork(resolve(import.meta.dirname, 'process.ts'), [nameOf(instance)], {
    env: { ...toldEnv(), ...env },
    execArgv: ['--conditions=countersign:source', '--disable-warning=ExperimentalWarning'],
  })
  children.push(child)
  await new Promise<void>((done, fail) => {
    child.once('message', () => done())
    child.once('exit', (code) => fail(new Error(`${instance} ended with ${code}`)))
  })
  return child
}

try {
  await Promise.all(AUTHORITIES.map(async (each) => start(each, await envOf(each))))
  const desk = await joinMesh('desk', {
    ...(await envOf('desk-1')),
    COUNTERSIGN_JOIN_TOKEN: deskToken,
    COUNTERSIGN_TRUST_BUNDLE: await readFile(bundleFile, 'utf8'),
  })
  const mint = async (name: string): Promise<string> => {
    const at = { name: 'authority', host: '127.0.0.1', port: portOf('authority-1') }
    const body = { name, ttlSeconds: TOKEN_SECONDS }
    return (await desk.connected.callAt(authority, at).mintToken({ body })).token
  }
  const doors = INSTANCES.map((name) => ({ name, port: portOf(name) }))
  const callers: ChildProcess[] = []
  for (const instance of INSTANCES.slice(AUTHORITIES.length)) {
    const env = { ...(await envOf(instance)), COUNTERSIGN_JOIN_TOKEN: await mint(nameOf(instance)) }
    const child = await start(instance, { ...env, MONTH_DOORS: JSON.stringify(doors) })
    if (nameOf(instance) === 'user') callers.push(child)
  }
  const found: Findings[] = []
  for (const caller of callers) caller.on('message', (told) => found.push(told as Findings))
  for (const caller of callers) caller.send('begin')
  process.exitCode = (await watch(desk.identity, found)) ? 0 : 1
  await desk.close()
} finally {
  for (const child of children) child.kill('SIGKILL')
}

/** Prints a line a day, and says at the end whether it holds. */
async function watch(
  identity: { bundle(): string; renewals: number },
  found: readonly Findings[],
): Promise<boolean> {
  const began = Date.now()
  const intermediates = new Set<string>()
  const roots = new Set<string>()
  const sum = (): { made: number; failed: number } => {
    const last = new Map(found.map((each) => [each.instance, each]))
    const all = [...last.values()]
    return {
      made: all.reduce((total, each) => total + each.made, 0),
      failed: all.reduce((total, each) => total + each.failed, 0),
    }
  }
  for (let day = 1; day <= days; day++) {
    while (Date.now() < began + day * DAY_MS) await new Promise((done) => setTimeout(done, 200))
    for (const { issuers } of found) for (const issuer of issuers) intermediates.add(issuer)
    roots.add(identity.bundle())
    const { made, failed } = sum()
    console.log(
      `day ${day}: ${made} handshakes, ${failed} failed, ${intermediates.size} intermediates and ${roots.size} bundles seen, ${identity.renewals} renewals`,
    )
  }
  const { made, failed } = sum()
  for (const each of found.at(-1)?.failures ?? []) console.log(each)
  const rotations = intermediates.size - AUTHORITIES.length
  const wanted = Math.floor(days / 5) - 1
  const good = failed === 0 && made > days * 100 && rotations >= wanted
  console.log(
    `${days} days, ${made} handshakes, ${failed} failed, ${rotations} new intermediates: ${good ? 'holds' : 'DOES NOT HOLD'}`,
  )
  return good
}
