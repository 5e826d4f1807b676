import type { IncomingMessage, ServerResponse } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { until } from '@countersign/ground/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openH2 } from './testing/h2-client.ts'
import { House, type Running } from './testing/house.ts'
import { kongRoute, kongService } from './testing/kong-entities.ts'
import type { UpstreamServer } from './testing/upstream-server.ts'

/* Answers that come piece by piece, such as server-sent events. */
const READ_TIMEOUT_MS = 2_000
let house: House
let feed: UpstreamServer
let door: Running
/** What the service answers with, newest last. */
const answers: ServerResponse[] = []
beforeAll(async () => {
  house = await House.build()
  feed = await house.service('feed-1')
  feed.handler = (_seen, response) => {
    answers.push(response)
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('data: first\n\n')
  }
  door = await house.gateway()
  const service = kongService('feed', { read_timeout: READ_TIMEOUT_MS })
  await house.configure({
    services: [service],
    routes: [kongRoute(service, { paths: ['/events'], tags: ['public'] })],
  })
})
afterAll(() => house.close())

interface Heard {
  text: string
  over: boolean
}
/** Listens, over either protocol. */
function listen(version: 1 | 2): Heard {
  const heard: Heard = { text: '', over: false }
  const follow = (stream: NodeJS.ReadableStream): void => {
    stream.on('data', (chunk: Buffer) => {
      heard.text += String(chunk)
    })
    stream
      .on('error', () => {})
      .on('close', () => {
        heard.over = true
      })
  }
  const { bundle: ca } = house.pki
  if (version === 2) {
    const session = openH2({ port: door.port, ca })
    const stream = session.request({ ':path': '/events' })
    follow(stream)
    stream.on('close', () => session.destroy())
  } else {
    const options = { port: door.port, ca, path: '/events', agent: false }
    const request = httpsRequest(options, (response: IncomingMessage) => follow(response))
    request.on('error', () => {}).end()
  }
  return heard
}

describe.each([1, 2] as const)('server-sent events over HTTP/%s', (version) => {
  it('come at once, for longer than one answer may take, and end when nothing comes', async () => {
    const heard = listen(version)
    await until(() => heard.text.includes('first'), 'the first, before there is a second')
    const events = answers.at(-1)
    const started = performance.now()
    for (let i = 0; performance.now() < started + 1.5 * READ_TIMEOUT_MS; i++) {
      events?.write(`data: ${i}\n\n`)
      await until(() => heard.text.includes(`data: ${i}\n`), `number ${i}`)
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    expect(heard.over).toBe(false)
    await until(() => heard.over, 'it is cut')
    await until(() => events?.destroyed === true, 'and the service hears of it')
  })
})

it('server-sent events end when the client is gone', async () => {
  const before = answers.length
  const session = openH2({ port: door.port, ca: house.pki.bundle })
  const stream = session.request({ ':path': '/events' })
  stream.on('error', () => {}).resume()
  await until(() => answers.length > before, 'the service is asked')
  session.destroy()
  await until(() => answers.at(-1)?.destroyed === true, 'the service hears of it')
})
