/** A workload's side of the registry: where others are, and keeping itself on the list. */
export type { FirstAnswer } from './follow.ts'
export { createRegistrar, type Registrar, type RegistrarOptions } from './registrar.ts'
export { createResolver, type Resolver, type ResolverOptions, type Seed } from './resolver.ts'
