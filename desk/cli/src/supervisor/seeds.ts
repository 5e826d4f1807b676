import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFileAtomic } from '@countersign/ground/store'
import { z } from 'zod'
import { DeskError } from '../errors.ts'
import type { Layout } from '../home/layout.ts'

const seedsSchema = z.object({
  trustDomain: z.string(),
  publicUrl: z.string(),
  seeds: z.array(z.object({ name: z.string(), host: z.string(), port: z.int() })),
})
/** Where the mesh of this run is: written by the supervisor, read by commands. */
export type SeedFile = z.infer<typeof seedsSchema>

export function writeSeeds(layout: Layout, seeds: SeedFile): Promise<void> {
  return writeFileAtomic(path(layout), `${JSON.stringify(seeds)}\n`)
}

export async function readSeeds(layout: Layout): Promise<SeedFile> {
  try {
    return seedsSchema.parse(JSON.parse(await readFile(path(layout), 'utf8')))
  } catch (error) {
    throw new DeskError('FAILED', 'the platform is still starting; see: countersign status', {
      cause: error,
    })
  }
}

const path = (layout: Layout): string => join(layout.run, 'mesh.json')
