import { authority } from '@countersign/contract/platform'
import { messageOf } from '@countersign/ground/errors'
import { type Log, Metrics } from '@countersign/ground/telemetry'
import {
  type Connected,
  connect,
  type Env,
  type Identity,
  joinTrustDomain,
  type Seed,
} from '@countersign/service'
import { readFile } from 'node:fs/promises'
import type { Layout } from '../home/layout.ts'
import { JOIN_TOKEN_SECONDS } from '../limits.ts'
import { keepOnDisk } from './keep-on-disk.ts'

/** The desk as a workload: it has join tokens made and asks others how they are. It has no right beside these. */
export interface DeskWorkload {
  readonly link: Connected<'desk'>
  /** A one-time token with which a workload of this name may join. */
  mintToken(name: string): Promise<string>
  close(): Promise<void>
}

export interface JoinAsDeskOptions {
  readonly trustDomain: string
  /** What every workload is told: where the authorities are. */
  readonly mesh: Env
  readonly layout: Layout
  readonly log: Log
  readonly token: string
}

/**
 * Joins as `desk`, then as `prometheus`, and keeps both identities on disk: the one for commands, the other for a
 * Prometheus that an operator runs.
 */
export async function joinAsDesk(options: JoinAsDeskOptions): Promise<DeskWorkload> {
  const { layout, log } = options
  const desk = await joinAs('desk', options.token, options)
  const mintToken = (name: string): Promise<string> => mint(desk.link, desk.seeds, name)
  const prometheus = await joinAs('prometheus', await mintToken('prometheus'), options)
  const kept = [desk, prometheus].map(({ name, identity }) =>
    keepOnDisk(layout.identity(name), identity, (fault) =>
      log.error({ identity: name, reason: messageOf(fault) }, 'cannot keep the identity on disk'),
    ),
  )
  await Promise.all(kept)
  return {
    link: desk.link as Connected<'desk'>,
    mintToken,
    close: async () => {
      desk.identity.close()
      prometheus.identity.close()
      await Promise.all([desk.link.close(), prometheus.link.close()])
    },
  }
}

interface Joined {
  readonly name: string
  readonly identity: Identity & { close(): void }
  readonly link: Connected
  readonly seeds: readonly Seed[]
}

async function joinAs(name: string, token: string, options: JoinAsDeskOptions): Promise<Joined> {
  const { trustDomain, mesh, layout, log } = options
  let link: Connected | undefined
  const identity = await joinTrustDomain({
    name,
    trustDomain,
    doors: addressesOf(mesh.COUNTERSIGN_JOIN),
    token,
    bundle: await readFile(layout.bundle, 'utf8'),
    renew: (csr) => {
      if (link === undefined)
        throw new Error('broken invariant: a renewal before the first certificate')
      return link.call(authority as never as typeof authority).renew({ body: { csr } })
    },
    log,
  })
  const seeds = seedsOf(mesh.COUNTERSIGN_SEEDS)
  link = connect({ name, trustDomain, identity, seeds, log, metrics: new Metrics() })
  return { name, identity, link, seeds }
}

/** Tokens are made by whichever authority answers: one of them may be away, for that is when tokens are needed. */
async function mint(link: Connected, seeds: readonly Seed[], name: string): Promise<string> {
  const authorities = seeds.filter((seed) => seed.name === 'authority')
  let fault: unknown
  for (const seed of authorities) {
    try {
      const body = { name, ttlSeconds: JOIN_TOKEN_SECONDS }
      return (await (link as Connected<'desk'>).callAt(authority, seed).mintToken({ body })).token
    } catch (error) {
      fault = error
    }
  }
  throw new Error(`no authority makes a join token: ${messageOf(fault)}`, { cause: fault })
}

function seedsOf(text: string | undefined): readonly Seed[] {
  return (text ?? '').split(',').map((item) => {
    const [name = '', address = ''] = item.split('=')
    return { name, ...addressOf(address) }
  })
}
function addressesOf(text: string | undefined): readonly { host: string; port: number }[] {
  return (text ?? '').split(',').map(addressOf)
}
function addressOf(text: string): { host: string; port: number } {
  const [host = '', port] = text.split(':')
  return { host, port: Number(port) }
}
