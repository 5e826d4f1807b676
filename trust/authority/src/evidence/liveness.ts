import type { Registered } from './domain/fact.ts'

/**
 * Who lives besides those who have reported. All instances that are registered, whatever their health; a read of the
 * present state, safe to repeat. Rejects where nobody can tell: then no gate opens.
 */
export interface Liveness {
  instances(): Promise<readonly Registered[]>
}
