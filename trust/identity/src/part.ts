import type { Part } from '@countersign/service'

/** The identity provider. What it is made of is loaded when it starts, not when somebody imports this. */
export const part: Part = {
  name: 'identity',
  create: async (workload, env) => (await import('./create.ts')).create(workload, env),
}
