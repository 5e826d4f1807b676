import type { Handlers } from '@countersign/contract'
import type { authority as contract } from '@countersign/contract/platform'
import { Refusal } from '@countersign/layers'
import type { Context } from '@countersign/service'
import type { Acme } from './acme.ts'
import type { AcmeEvents } from './events.ts'
import { readIdentifier } from './identifier/identifier.ts'
import { KEY_LIFETIME_SECONDS } from './limits.ts'
import { AcmeProblem } from './problem.ts'

export interface AcmeHandlerParts {
  /** Undefined where the authority has no outside door. */
  readonly acme: Pick<Acme, 'createKey'> | undefined
  readonly events: AcmeEvents
  /** The directory of each authority that is known, the own one first. */
  directories(): readonly string[]
}

/** What the desk may ask of the ACME server. */
export function acmeHandlers({
  acme,
  events,
  directories,
}: AcmeHandlerParts): Pick<Handlers<typeof contract, Context>, 'createAcmeKey'> {
  return {
    createAcmeKey: async ({ body, permit, requestId }) => {
      if (acme === undefined) {
        const detail = 'this authority has no outside door; set AUTHORITY_OUTSIDE_LISTEN'
        throw new Refusal('CONFLICT', { detail, remedy: detail })
      }
      const { label, ttlSeconds = KEY_LIFETIME_SECONDS } = body
      const names = body.names?.map(readName)
      const made = await acme
        .createKey({ label, names, lifetimeMs: ttlSeconds * 1_000 })
        .catch(toRefusal)
      await events.keyMade(made, { workload: permit.caller, requestId })
      return {
        keyId: made.id,
        macKey: made.secret.toString('base64url'),
        directories: [...directories()],
        expiresAt: new Date(made.expiresAt).toISOString(),
      }
    },
  }
}

function readName(text: string): string {
  const read = readIdentifier('dns', text)
  if (read.ok && !read.name.startsWith('*')) return read.name
  const message = read.ok ? 'a name covers all below it without a wildcard' : read.why
  throw new Refusal('BODY_INVALID', { errors: [{ field: 'names', message }] })
}

function toRefusal(error: unknown): never {
  if (error instanceof AcmeProblem && error.type === 'rateLimited')
    throw new Refusal('OVERLOADED', { rule: error.message, cause: error })
  throw error
}
