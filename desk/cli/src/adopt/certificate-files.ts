import { X509Certificate } from 'node:crypto'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFileAtomic } from '@countersign/ground/store'
import type { Identity } from '@countersign/service'
import { DeskError, systemCode } from '../errors.ts'

/*
 * A workload's identity for a program that reads PEM files, by the names that examples of TLS servers use. The certificate
 * comes with its intermediate; the CAs are the roots of the platform.
 */
const KEY = 'server-key.pem'
const CERTIFICATE = 'server-cert.pem'
const ROOTS = 'ca-cert.pem'

/** Writes the three files (0600), each as a whole, the certificate last: it is what names the key that it fits. */
export async function writeCertificates(folder: string, identity: Identity): Promise<void> {
  const { chain, key } = identity.current()
  await writeFileAtomic(join(folder, ROOTS), identity.bundle())
  await writeFileAtomic(join(folder, KEY), key)
  await writeFileAtomic(join(folder, CERTIFICATE), chain)
}

export async function removeCertificates(folder: string): Promise<void> {
  for (const name of [KEY, CERTIFICATE, ROOTS]) await rm(join(folder, name), { force: true })
}

/** Somebody else's files are not written over. `id`: whose certificate may lie there. Throws `DeskError` ENVIRONMENT. */
export async function requireOurs(folder: string, id: string): Promise<void> {
  const found = await read(join(folder, CERTIFICATE))
  const others = found === undefined ? await anyOf(folder, [KEY, ROOTS]) : CERTIFICATE
  if (others === undefined || (found !== undefined && isFor(found, id))) return
  throw new DeskError(
    'ENVIRONMENT',
    `${join(folder, others)} is there already and not of ${id}; name another folder: --certs <folder>`,
  )
}

async function anyOf(folder: string, names: readonly string[]): Promise<string | undefined> {
  for (const name of names) if ((await read(join(folder, name))) !== undefined) return name
  return undefined
}

function isFor(pem: string, id: string): boolean {
  try {
    return new X509Certificate(pem).subjectAltName?.split(', ').includes(`URI:${id}`) === true
  } catch {
    return false
  }
}

async function read(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw new DeskError('ENVIRONMENT', `cannot read ${path} (${systemCode(error)})`, {
      cause: error,
    })
  }
}
