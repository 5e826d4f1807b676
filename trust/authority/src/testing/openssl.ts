import { execFile, spawnSync } from 'node:child_process'
import { promisify } from 'node:util'

export const hasOpenssl: boolean = spawnSync('openssl', ['version']).status === 0

/** Everything that openssl says, whether it is content or not. */
export async function openssl(...args: string[]): Promise<{ ok: boolean; text: string }> {
  try {
    const { stdout, stderr } = await promisify(execFile)('openssl', args)
    return { ok: true, text: stdout + stderr }
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string }
    return { ok: false, text: stdout + stderr }
  }
}
