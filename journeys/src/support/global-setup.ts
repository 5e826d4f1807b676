import type { TestProject } from 'vitest/node'
import { type Mode, startPlatform } from './platform.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    home: string
    publicPort: number
    mode: Mode
  }
}

/** One platform for all journeys of a project that do not need one of their own. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const mode: Mode = project.name.endsWith('one') ? 'one' : 'many'
  const platform = await startPlatform({ mode })
  project.provide('home', platform.home)
  project.provide('publicPort', platform.publicPort)
  project.provide('mode', mode)
  return async () => {
    const ended = await platform.stop('--wipe')
    if (ended.code !== 0) throw new Error(`down ended with ${ended.code}: ${ended.stderr}`)
  }
}
