import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { readCertificate } from '@countersign/ground/x509'
import { openAuthority } from '../issuing/authority.ts'
import { watchIssued } from '../issuing/issued-watch.ts'
import type { IssuedRecord, IssuedState } from '../issuing/issued-record.ts'
import { openStore } from '../store/store.ts'
import { createPki, createRevocations, type Pki, silent, TRUST_DOMAIN } from './test-pki.ts'

/* Kills an authority with `kill -9` while it issues, again and again over one store, and looks at what is left. */

export interface CrashRuns {
  /** Serials of certificates that were let go, in all runs, in order. */
  readonly released: readonly string[]
  /** Serials that the audit log was told of as abandoned. */
  readonly told: readonly string[]
  /** How many rows there are of each state after the last open. */
  readonly states: Readonly<Partial<Record<IssuedState, number>>>
  /** Released certificates without a row that says so, or with another certificate in it. */
  readonly withoutRow: readonly string[]
  /** Abandoned rows of which the audit log was not told. */
  readonly untold: readonly string[]
}

export interface CrashPlan {
  readonly kills: number
  /** Each is killed after a random number of certificates, up to this one, and then within `lifeMsMax`. */
  readonly releasedMax: number
  readonly lifeMsMax: number
}

/** Authorities side by side, each with a folder of its own below this one: most of a run is the start of a process. */
export function crashSideBySide(
  folder: string,
  { authorities, ...plan }: CrashPlan & { readonly authorities: number },
): Promise<CrashRuns[]> {
  const folders = Array.from({ length: authorities }, (_, i) => join(folder, String(i)))
  return Promise.all(
    folders.map((own) => {
      mkdirSync(own)
      return crashRuns(own, plan)
    }),
  )
}

/** So many runs of one authority in this folder, one after the other. */
async function crashRuns(folder: string, plan: CrashPlan): Promise<CrashRuns> {
  const pki = await createPki(folder, { instances: ['authority-1'] })
  const lines: string[] = []
  for (let i = 0; i < plan.kills; i++) lines.push(...(await runOnce(folder, plan)))
  const released = serialsOf(lines, 'released')
  return { released, ...(await lookAt(pki, released, serialsOf(lines, 'abandoned'))) }
}

function serialsOf(lines: readonly string[], what: string): string[] {
  return lines.filter((line) => line.startsWith(`${what} `)).map((line) => line.split(' ')[1] ?? '')
}

/** One process; what it said in whole lines. */
async function runOnce(folder: string, { releasedMax, lifeMsMax }: CrashPlan): Promise<string[]> {
  const wanted = 1 + Math.floor(Math.random() * releasedMax)
  const lifeMs = Math.random() * lifeMsMax
  const script = new URL('./issue-forever.ts', import.meta.url).pathname
  const flags = ['--conditions=countersign:source', '--disable-warning=ExperimentalWarning']
  const child = spawn(process.execPath, [...flags, script, folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
    // What was compiled once is not compiled at each start.
    env: { ...process.env, NODE_COMPILE_CACHE: join(folder, 'compiled') },
  })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    const before = countReleased(text)
    text += chunk
    if (before < wanted && countReleased(text) >= wanted)
      setTimeout(() => child.kill('SIGKILL'), lifeMs)
  })
  await once(child, 'close')
  if (child.signalCode !== 'SIGKILL') throw new Error(`it ended by itself: ${child.exitCode}`)
  return text.split('\n').slice(0, -1)
}

const countReleased = (text: string): number => text.split('released ').length - 1

/** The next start after the last crash, and what is on record then. */
async function lookAt(pki: Pki, released: readonly string[], toldBefore: readonly string[]) {
  const store = openStore(join(pki.folder, 'authority-1'))
  const { issued } = await openAuthority({
    ...{ folder: pki.folder, instance: 'authority-1', trustDomain: TRUST_DOMAIN, store },
    ...{ signers: pki.signersOf('authority-1'), trust: pki, revocations: createRevocations() },
    ...{ leafLifetimeSeconds: 3_600, log: silent },
  })
  const told = [...toldBefore]
  const events = {
    abandoned: async ({ serial }: { serial: string }) => void told.push(serial),
    unclaimed: async () => undefined,
  }
  const watch = watchIssued({ store, issued, events, log: silent })
  for (let before = -1; before !== told.length; ) {
    before = told.length
    await watch.look()
  }
  await watch.close()
  const rows = store.db.prepare('SELECT state, count(*) AS n FROM issued GROUP BY state').all()
  const states = Object.fromEntries(rows.map(({ state, n }) => [String(state), Number(n)]))
  const abandoned = store.db.prepare(`SELECT serial FROM issued WHERE state = 'abandoned'`).all()
  const known = new Set(told)
  const untold = abandoned.map(({ serial }) => String(serial)).filter((each) => !known.has(each))
  const withoutRow = released.filter((serial) => !isOnRecord(issued.find(serial), serial))
  await store.close()
  return { told, states, untold, withoutRow }
}

function isOnRecord(record: IssuedRecord | undefined, serial: string): boolean {
  const certificate = record?.certificate
  return record?.state === 'issued' && certificate !== undefined
    ? readCertificate(certificate).serial === serial
    : false
}
