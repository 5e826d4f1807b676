/** The contracts of the platform's own services that the SDK itself calls; each is served by the room of its name. */
export * from './audit.ts'
export * from './audit-event.ts'
export * from './authority.ts'
export * from './identity.ts'
export * from './operations.ts'
export * from './people.ts'
export * from './registry.ts'
export * from './trust.ts'
