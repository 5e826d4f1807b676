import { defineConfig } from 'vitest/config'

// Workspaces resolve to their sources, in tests as at run time.
const conditions = ['countersign:source', 'node']
// The last one is where Vitest runs the set-up of a project.
const resolve = {
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  environments: { __vitest__: { resolve: { conditions } } },
}
const never = ['**/node_modules/**', '**/dist/**']

/** The journeys that share one platform; each project runs them against its own: many processes, or one. */
const journeys = (mode: 'many' | 'one', order: number) => ({
  ...resolve,
  test: {
    name: `journeys-${mode}`,
    include: ['journeys/src/*.test.ts'],
    exclude: [...never, ...(mode === 'one' ? ['journeys/src/own/**'] : [])],
    globalSetup: ['journeys/src/support/global-setup.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    fileParallelism: false,
    sequence: { groupOrder: order },
  },
})

export default defineConfig({
  ...resolve,
  test: {
    reporters: ['default', './tools/left-out.ts'],
    projects: [
      {
        ...resolve,
        test: {
          name: 'rooms',
          // Most of them wait for clocks, sockets and processes more than they compute.
          maxWorkers: 3,
          include: ['**/src/**/*.test.ts', 'tools/*.test.ts'],
          exclude: [...never, 'journeys/**'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
          sequence: { groupOrder: 0 },
        },
      },
      // Side by side: each has its own platform, and waits for most of its time.
      journeys('many', 1),
      journeys('one', 1),
      {
        ...resolve,
        test: {
          name: 'journeys-own',
          include: ['journeys/src/own/*.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 180_000,
          // Two at a time: each has its own platform, and waits for most of its time.
          maxWorkers: 2,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
})
