import type { PluginInstance, PluginRequest, PluginTools } from '@countersign/kong'
import { Refusal } from '@countersign/layers'
import { misconfigured } from './refuse.ts'

/*
 * What all plugins that prove who asks have in common (Kong's "logical OR"):
 *
 * - with `anonymous`, who is proven already by a plugin before is not asked again
 * - with `anonymous`, who proves nothing, or the wrong thing, passes as that consumer
 * - only a refused credential makes anonymous: keys that cannot be had, or too many failures, are refused still
 * - without `run_on_preflight`, a preflight request (and no other OPTIONS request) passes unproven: no browser sends
 *   credentials with one
 */
interface Manner {
  readonly anonymous: string | null
  readonly run_on_preflight: boolean
}

/** Whether this request has to prove nothing to the plugin. */
function isExcused(asked: PluginRequest, manner: Manner): boolean {
  if (!manner.run_on_preflight && isPreflight(asked)) return true
  return manner.anonymous !== null && isProven(asked)
}

/** A preflight request of CORS (Fetch standard, section 3.3.2). */
export function isPreflight(asked: PluginRequest): boolean {
  return (
    asked.method === 'OPTIONS' &&
    asked.header('origin') !== undefined &&
    asked.header('access-control-request-method') !== undefined
  )
}

/** Whether anybody has proven who asks. */
export function isProven(asked: PluginRequest): boolean {
  return (
    !asked.anonymous &&
    (asked.person !== undefined ||
      asked.consumer !== undefined ||
      asked.credentialId !== undefined ||
      asked.groups.length > 0)
  )
}

/** The `access` of a plugin: `authenticate` states who asks; it throws `Refusal`, or rejects with it. */
export function accessBy(
  manner: Manner,
  tools: PluginTools,
  authenticate: (asked: PluginRequest) => Promise<void> | undefined,
): NonNullable<PluginInstance['access']> {
  const refused = (error: unknown, asked: PluginRequest): void =>
    passOrThrow(error, asked, { anonymous: manner.anonymous, tools })
  return (asked) => {
    if (isExcused(asked, manner)) return undefined
    try {
      return authenticate(asked)?.catch((error: unknown) => refused(error, asked))
    } catch (error) {
      return refused(error, asked)
    }
  }
}

/** Lets the request pass as the `anonymous` consumer, or throws what it was refused with. */
function passOrThrow(
  error: unknown,
  asked: PluginRequest,
  { anonymous, tools }: { readonly anonymous: string | null; readonly tools: PluginTools },
): void {
  if (anonymous === null || !(error instanceof Refusal) || error.status !== 401) throw error
  const consumer = tools.directory.consumer(anonymous)
  if (consumer === undefined)
    throw misconfigured(
      'anonymous: the consumer of the configuration does not exist',
      'create the consumer that `anonymous` names, or take the setting away',
    )
  asked.authenticated({ consumer, anonymous: true })
}
