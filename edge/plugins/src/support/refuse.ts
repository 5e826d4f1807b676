import { Refusal } from '@countersign/layers'

/*
 * How a plugin refuses who asks. `message` is Kong's text; the rule and the remedy are for the log.
 */

/** `Bearer realm="x" error="…"` in the form of Kong. */
export function challenge(scheme: string, realm: string | null, error?: string): string {
  const quoted = realm === null ? '' : ` realm="${realm.replaceAll(/["\\]/g, '\\$&')}"`
  return `${scheme}${quoted}${error === undefined ? '' : ` error="${error}"`}`
}

/** No rights: nothing that another credential of the same kind would change. */
export function forbidden(message: string, rule: string, remedy: string): Refusal {
  return new Refusal('OPERATOR_DENIED', { detail: message, message, rule, remedy })
}

/** The operator's configuration names something that is not there. Fails closed. */
export function misconfigured(rule: string, remedy: string): Refusal {
  return new Refusal('INTERNAL', { message: 'An unexpected error occurred', rule, remedy })
}
