import { join } from 'node:path'

const PACKAGES: Readonly<Record<string, string>> = {
  '@countersign/cli': 'desk/cli',
  '@countersign/contract': 'mesh/contract',
  '@countersign/service': 'mesh/service',
}

/** The packages of a checkout that a service depends on, as `file:` dependencies. */
export function fileDependencies(checkout: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(PACKAGES).map(([name, folder]) => [name, `file:${join(checkout, folder)}`]),
  )
}

/** What lies in the `node_modules` of a service beside a checkout: links into it, so that one copy of each is loaded. */
export function dependencyLinks(checkout: string): readonly { path: string; target: string }[] {
  const packages = Object.entries(PACKAGES).map(([name, folder]) => ({
    path: name,
    target: join(checkout, folder),
  }))
  const shared = ['zod', '@types/node', 'typescript'].map((name) => ({
    path: name,
    target: join(checkout, 'node_modules', name),
  }))
  const bin = { path: '.bin/countersign', target: join(checkout, 'desk/cli/bin/countersign.mjs') }
  const tsc = {
    path: '.bin/tsc',
    target: join(checkout, 'node_modules', 'typescript', 'bin', 'tsc'),
  }
  return [...packages, ...shared, bin, tsc]
}
