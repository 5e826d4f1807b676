import { temporaryFolder } from '@countersign/ground/testkit'
import { onTestFinished } from 'vitest'

/** A folder of the test that asks for it; it goes when the test has ended. */
export function ownFolder(prefix = 'csj-'): string {
  const folder = temporaryFolder(prefix)
  onTestFinished(() => folder[Symbol.dispose]())
  return folder.path
}
