import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join, resolve } from 'node:path'
import type { Env } from '@countersign/service'
import { SOCKET_PATH_BYTES_MAX } from '../limits.ts'
import { readServiceFile } from './service-file.ts'

/** Where everything of one platform lies. Paths only; nothing is touched. */
export interface Layout {
  readonly root: string
  readonly version: string
  readonly pki: string
  readonly masterKey: string
  /** The same key sealed under a passphrase, or by a key service. One of the three is there. */
  readonly masterKeyUnderPassphrase: string
  readonly masterKeyInKms: string
  /** Ports of the authorities' outside doors, which certificates carry. */
  readonly outsidePorts: string
  readonly postgres: string
  readonly dynamo: string
  readonly redis: string
  readonly audit: string
  /** Checkpoint, tiles and entries of the log. */
  readonly auditLog: string
  /** Its public key, and the last checkpoint that was proven: outside of the log, so that they can speak against it. */
  readonly auditKey: string
  readonly auditCheckpoint: string
  /** Entities of the gateways and their history. */
  readonly kong: string
  readonly credentials: string
  readonly run: string
  readonly lock: string
  readonly logs: string
  readonly secrets: string
  readonly identities: string
  /** PEM of the roots, for clients at the public door and for joining workloads. */
  readonly bundle: string
  readonly prometheus: string
  /** Folder of unix sockets: `run/`, or a short one of the same user where that path is too long. */
  readonly sockets: string
  readonly control: string
  /** State folder of one process. */
  part(instance: string): string
  /** cert.pem, key.pem and bundle.pem of a name, kept fresh by the supervisor. */
  identity(name: string): string
  log(name: string): string
  /** A person's shell settings for the Admin API, with the key that they point to. */
  adminEnv(person: string): string
}

const LONGEST_SOCKET_NAME = 'postgres/.s.PGSQL.5432'

/**
 * The state folder that is meant in a folder: COUNTERSIGN_HOME, or `.countersign` in it, or the one that
 * `.countersign.json` names, which `countersign new` writes for services outside.
 */
export function stateFolder(env: Env, folder: string): string {
  if (env.COUNTERSIGN_HOME !== undefined && env.COUNTERSIGN_HOME !== '')
    return resolve(folder, env.COUNTERSIGN_HOME)
  const own = join(folder, '.countersign')
  return existsSync(own) ? own : (readServiceFile(folder)?.home ?? own)
}

export function layoutOf(root: string): Layout {
  const run = join(root, 'run')
  const sockets = socketFolder(run)
  return {
    root,
    version: join(root, 'version.json'),
    pki: join(root, 'pki'),
    masterKey: join(root, 'pki', 'master.key'),
    masterKeyUnderPassphrase: join(root, 'pki', 'master.argon2.json'),
    masterKeyInKms: join(root, 'pki', 'master.wrapped.json'),
    outsidePorts: join(root, 'pki', 'outside-ports.json'),
    postgres: join(root, 'postgres'),
    dynamo: join(root, 'dynamo'),
    redis: join(root, 'redis'),
    audit: join(root, 'audit'),
    auditLog: join(root, 'audit'),
    auditKey: join(root, 'audit-key.txt'),
    auditCheckpoint: join(root, 'audit-checkpoint.txt'),
    kong: join(root, 'kong'),
    credentials: join(root, 'credentials.json'),
    run,
    lock: join(run, 'supervisor.json'),
    logs: join(run, 'logs'),
    secrets: join(run, 'secrets'),
    identities: join(run, 'identities'),
    bundle: join(root, 'pki', 'bundle.pem'),
    prometheus: join(run, 'prometheus.yml'),
    sockets,
    control: join(sockets, 'control.sock'),
    part: (instance) => join(run, 'parts', instance),
    identity: (name) => join(run, 'identities', name),
    log: (name) => join(run, 'logs', `${name}.log`),
    adminEnv: (person) => join(run, 'admin', person),
  }
}

function socketFolder(run: string): string {
  if (Buffer.byteLength(join(run, LONGEST_SOCKET_NAME)) <= SOCKET_PATH_BYTES_MAX) return run
  const hash = createHash('sha256').update(run).digest('hex').slice(0, 16)
  return join(tmpdir(), `countersign-${userInfo().uid}-${hash}`)
}
