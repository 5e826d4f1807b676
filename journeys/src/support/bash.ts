import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { processEnv } from '../config/env.ts'
import { type Ended, REPOSITORY } from './desk.ts'
import type { Platform } from './platform.ts'

/** Runs a script as a person's shell would, beside a platform; `countersign` is a command there. */
export function bash(platform: Platform, script: string, cwd = platform.home): Promise<Ended> {
  const env = {
    ...processEnv(),
    ...platform.env,
    COUNTERSIGN_HOME: platform.home,
    NO_COLOR: '1',
    PATH: `${join(REPOSITORY, 'node_modules/.bin')}:${processEnv().PATH}`,
  }
  return new Promise((done) => {
    const options = { cwd, env, timeout: 120_000 }
    execFile('bash', ['-c', script], options, (error, stdout, stderr) =>
      done({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr }),
    )
  })
}

export interface CurlAnswer {
  readonly status: number
  readonly json: any
}

/** The answers in what `curl -i` has printed, one after the other. Bodies are JSON or nothing. */
export function curlAnswers(printed: string): readonly CurlAnswer[] {
  return printed
    .split(/(?=HTTP\/1\.1 [0-9]{3} )/)
    .filter((part) => part.startsWith('HTTP/1.1 '))
    .map((part) => {
      const [head = '', ...body] = part.split('\r\n\r\n')
      const text = body.join('\r\n\r\n')
      return { status: Number(head.slice(9, 12)), json: text === '' ? undefined : JSON.parse(text) }
    })
}
