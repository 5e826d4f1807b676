export * from './identity/index.ts'
export type { Built, Env, Part } from './part.ts'
export type { AuditWriter, Context, Credential, Identity, Instances, Workload } from './workload.ts'
