import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Fuzz } from './testing/origins/fuzz.ts'
import { judge } from './testing/origins/judge.ts'
import { ORIGINS } from './testing/origins/piece.ts'
import { isInstalled } from './testing/origins/programs.ts'
import type { Sighting } from './testing/origins/recorder.ts'
import { ATTACKS_COUNT, makeStream } from './testing/origins/stream.ts'

/* What origins of three makers see of what clients send through the gateway; `npm run long:origins` is the same for as long as one likes. */
const STREAMS = ATTACKS_COUNT + 60

describe('requests through the gateway', () => {
  const origins = ORIGINS.filter(isInstalled)
  const fuzz = new Fuzz(origins)
  beforeAll(() => fuzz.start())
  afterAll(() => fuzz.close())

  it('are what every origin sees, and nothing else is', { timeout: 120_000 }, async () => {
    await fuzz.run(1, STREAMS)
    expect(fuzz.tally.findings).toEqual([])
    expect(fuzz.tally.lost).toBeLessThan(fuzz.tally.requests / 20)
    expect(fuzz.tally.attacks.size).toBe(ATTACKS_COUNT)
    expect(fuzz.tally.requests).toBeGreaterThan(3_000)
  })
  it('reach node', () => expect(fuzz.tally.seen.get('node')).toBeGreaterThan(500))
  it.skipIf(!isInstalled('nginx'))('reach nginx', () =>
    expect(fuzz.tally.seen.get('nginx')).toBeGreaterThan(500),
  )
  it.skipIf(!isInstalled('apache'))('reach apache', () =>
    expect(fuzz.tally.seen.get('apache')).toBeGreaterThan(500),
  )
})

describe('what is judged', () => {
  const client = { address: '127.1.0.2', doorPort: 1, lost: new Set<string>() }
  const silent = { answers: [], text: '', fault: undefined }
  const stream = makeStream(1, ORIGINS)
  it('is a finding where a request is not seen, or nobody has made it', () => {
    const calm = { ...stream, pieces: stream.pieces.filter(({ fate }) => fate === 'served') }
    expect(judge(calm, silent, [], client).length).toBe(calm.pieces.length)
    const hidden: Sighting = {
      ...{ origin: 'node', method: 'GET', target: '/node/hidden?fuzz=x-hidden', body: '' },
      headers: ['x-fuzz', 'x-hidden'],
    }
    expect(judge({ ...stream, pieces: [] }, silent, [hidden], client)).toEqual([
      'nobody asked for x-hidden: node saw GET /node/hidden?fuzz=x-hidden',
    ])
  })
  it('is a finding where anything differs from what was meant', () => {
    const [piece] = stream.pieces
    if (piece?.meant === undefined) throw new Error('the first request is well-formed')
    const ended = { ...piece, id: 'end', fate: 'ends', meant: undefined } as const
    const one = { ...stream, pieces: [piece, ended], isPatient: false }
    const { meant } = piece
    const forged = { ...meant, headers: ['x-fuzz', piece.id, 'x-consumer-username', 'forged'] }
    expect(judge(one, silent, [forged], client)[0]).toMatch(/x-request-id/)
    for (const change of [{ method: 'BREW' }, { target: `/x?fuzz=${piece.id}` }, { body: 'x' }])
      expect(judge(one, silent, [{ ...forged, ...change }], client).length).toBe(1)
    expect(judge(one, silent, [forged, forged], client)[0]).toMatch(/seen 2 times/)
  })
})
