import { execFile, spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { freePort, temporaryFolder, until } from '@countersign/ground/testkit'
import { afterAll, describe, expect, test } from 'vitest'
import { enginesAreRequired, processEnv } from './config/env.ts'
import { sharedPlatform } from './support/shared.ts'

const platform = sharedPlatform()
afterAll(() => platform.door.close())
const has = (program: string): boolean =>
  spawnSync('sh', ['-c', `command -v ${program}`]).status === 0
const canWatch = has('prometheus') && has('promtool')

describe('the metrics', () => {
  test('of every process are clean', async (context) => {
    if (!canWatch && !enginesAreRequired()) return context.skip('promtool is not installed')
    for (const each of await platform.processes()) {
      const text = await metricsOf(each.port)
      expect(text).toContain('countersign_certificate_expiry_timestamp_seconds')
      expect(await promtool(text), each.name).toEqual({ code: 0, said: '' })
    }
  })

  test('reach a Prometheus with the generated configuration, from every target, over mTLS', async (context) => {
    if (!canWatch && !enginesAreRequired()) return context.skip('prometheus is not installed')
    using folder = temporaryFolder('csp-')
    const path = (await platform.desk('prometheus', '--path')).stdout.trim()
    const port = await freePort()
    const prometheus = spawn(
      'prometheus',
      [
        `--config.file=${path}`,
        `--storage.tsdb.path=${folder.path}`,
        `--web.listen-address=127.0.0.1:${port}`,
        '--log.level=warn',
      ],
      { stdio: 'ignore', env: processEnv() },
    )
    try {
      const wanted = (await platform.processes()).length
      let targets: { health: string; lastError: string; scrapeUrl: string }[] = []
      await until(
        async () => {
          const answer = await fetch(`http://127.0.0.1:${port}/api/v1/targets`)
          targets = ((await answer.json()) as any).data.activeTargets
          return targets.length >= wanted && targets.every((target) => target.health === 'up')
        },
        'every target up',
        40_000,
      ).catch((error: Error) => {
        throw new Error(
          JSON.stringify(
            targets.map(({ scrapeUrl, health, lastError }) => ({ scrapeUrl, health, lastError })),
          ),
          { cause: error },
        )
      })
      expect(targets.every((target) => target.scrapeUrl.startsWith('https://'))).toBe(true)
    } finally {
      prometheus.kill('SIGKILL')
    }
  })
})

function metricsOf(port: number): Promise<string> {
  const file = (part: string): Buffer =>
    readFileSync(join(platform.home, 'run/identities/prometheus', `${part}.pem`))
  return new Promise((done, fail) => {
    const sent = request(
      {
        host: '127.0.0.1',
        port,
        path: '/metrics',
        key: file('key'),
        cert: file('cert'),
        ca: file('bundle'),
        checkServerIdentity: () => undefined,
      },
      (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
        response.once('end', () =>
          response.statusCode === 200 ? done(text) : fail(new Error(text)),
        )
      },
    )
    sent.once('error', fail).end()
  })
}

function promtool(text: string): Promise<{ code: number; said: string }> {
  return new Promise((done) => {
    const child = execFile('promtool', ['check', 'metrics'], (error, stdout, stderr) =>
      done({ code: error === null ? 0 : Number(error.code), said: `${stdout}${stderr}` }),
    )
    child.stdin?.end(text)
  })
}
