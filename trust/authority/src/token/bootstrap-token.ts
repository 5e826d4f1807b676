import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFileAtomic } from '@countersign/ground/store'
import type { TokenState } from '../domain/token-book.ts'
import { AuthorityError } from '../errors.ts'
import { hashToken } from './token.ts'
import { tokenRecordSchema } from './token-record.ts'

/*
 * The first token. Nobody can ask an authority for it, since asking takes a certificate. So whoever owns the folder
 * puts its hash there before the authorities start. A file of its own: the book of tokens belongs to the authority.
 */
const FILE = 'bootstrap.json'

/**
 * Puts the hash of one token in place for the authorities of these folders; replaces the one before.
 * `folders`: the folder of the authorities, or those of single instances. Durable on return.
 */
export async function writeBootstrapToken(
  folders: string | readonly string[],
  token: { readonly name: string; readonly token: string; readonly expiresAt: Date },
): Promise<void> {
  const hash = hashToken(token.token)
  const expiresAt = token.expiresAt.getTime()
  const record = tokenRecordSchema.parse({ hash, name: token.name, expiresAt, spent: false })
  for (const folder of typeof folders === 'string' ? [folders] : folders) {
    for (const instance of await instancesIn(folder)) {
      await writeFileAtomic(join(instance, FILE), `${JSON.stringify(record)}\n`)
    }
  }
}

/** The token that lies in an instance's folder, if there is one. */
export async function readBootstrapToken(
  folder: string,
): Promise<{ hash: string; state: TokenState } | undefined> {
  const path = join(folder, FILE)
  try {
    const { hash, ...state } = tokenRecordSchema.parse(JSON.parse(await readFile(path, 'utf8')))
    return { hash, state }
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new AuthorityError('PKI_DAMAGED', `${path} cannot be read`, { cause })
  }
}

/** Where intermediates lie: a folder of them, or the one of the first release. */
function isSigners({ name }: { readonly name: string }): boolean {
  return name === 'signers' || name === 'signer.json'
}

async function instancesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true })
  if (entries.some(isSigners)) return [folder]
  const below = entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(folder, name))
  const instances: string[] = []
  for (const path of below) {
    if ((await readdir(path, { withFileTypes: true })).some(isSigners)) instances.push(path)
  }
  if (instances.length > 0) return instances
  throw new AuthorityError('PKI_MISSING', `${folder} has not been initialised`)
}
