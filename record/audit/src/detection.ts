import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { allRules, createDetection, type Detection } from '@countersign/detection'
import { writeFileAtomic } from '@countersign/ground/store'
import type { Log } from '@countersign/ground/telemetry'
import { DETECTION_SAVE_INTERVAL_MS } from './limits.ts'

export interface KeptDetection extends Detection {
  close(): Promise<void>
}

/**
 * Detection that goes on where it was before a restart: what the rules have learned lies in `detection.json`, written
 * anew at most every few seconds, if it has changed. What is lost in between is at worst alerted once more.
 */
export async function openDetection(options: {
  readonly folder: string
  readonly learningMs: number
  readonly log: Log
}): Promise<KeptDetection> {
  const { folder, learningMs, log } = options
  const path = join(folder, 'detection.json')
  const text = await readFile(path, 'utf8').catch(() => '')
  const detection = createDetection({ rules: allRules({ learningMs }), state: parse(text) })
  let saved = text
  const save = async (): Promise<void> => {
    const now = JSON.stringify(detection.save())
    if (now === saved) return
    await writeFileAtomic(path, now)
    saved = now
  }
  const saving = setInterval(() => {
    save().catch((error) => log.error({ err: error }, 'what detection learned was not saved'))
  }, DETECTION_SAVE_INTERVAL_MS).unref()
  return {
    observe: detection.observe,
    save: detection.save,
    async close() {
      clearInterval(saving)
      await save()
    },
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
