import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { z } from 'zod'

/** What `countersign new` leaves beside a service: its name, and the platform that it belongs to. */
const serviceFileSchema = z.object({ service: z.string(), home: z.string() })
export type ServiceFile = z.infer<typeof serviceFileSchema>
export const SERVICE_FILE = '.countersign.json'

/** The file of a folder, with an absolute home; `undefined` where there is none that can be read. */
export function readServiceFile(folder: string): ServiceFile | undefined {
  try {
    const read = serviceFileSchema.parse(
      JSON.parse(readFileSync(join(folder, SERVICE_FILE), 'utf8')),
    )
    return { ...read, home: resolve(folder, read.home) }
  } catch {
    return undefined
  }
}
