export * from './identity/index.ts'
export type { Built, Env, Part } from './part.ts'
export type {
  AuditWriter,
  Context,
  Credential,
  Identity,
  Instances,
  Watch,
  Workload,
} from './workload.ts'
