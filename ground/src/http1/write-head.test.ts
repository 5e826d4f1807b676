import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isFault } from './faults.ts'
import { parseRequestHead } from './parse-request-head.ts'
import { parseResponseHead } from './parse-response-head.ts'
import { BOUNDS } from './read-requests.fixture.ts'
import { requestHeadText, responseHeadText } from './write-head.ts'

const name = fc.stringMatching(/^X-[!#$%&'*+.^_`|~0-9A-Za-z-]{0,20}$/)
const value = fc.stringMatching(/^(?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?$/)
const headers = fc.array(fc.tuple(name, value), { maxLength: 20 }).map((pairs) => pairs.flat())

describe('what is written', () => {
  it('is read as it was', () => {
    fc.assert(
      fc.property(headers, (flat) => {
        const answer = Buffer.from(responseHeadText(201, flat, '\r\n'), 'latin1')
        const read = parseResponseHead(answer, 0, answer.length, BOUNDS, 'GET')
        expect(read).toMatchObject({ head: { status: 201, headers: flat }, end: answer.length })
        const question = Buffer.from(requestHeadText('PUT', '/a?b', flat, '\r\n'), 'latin1')
        const asked = parseRequestHead(question, 0, question.length, BOUNDS)
        expect(asked).toMatchObject({ head: { method: 'PUT', target: '/a?b', headers: flat } })
      }),
    )
  })
  it('never has more lines than headers, whatever they hold', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (one, two) => {
        let text: string
        try {
          text = responseHeadText(200, [one, two], '\r\n')
        } catch (error) {
          expect(error).toBeInstanceOf(TypeError)
          return
        }
        const bytes = Buffer.from(text, 'latin1')
        const found = parseResponseHead(bytes, 0, bytes.length, BOUNDS, 'HEAD')
        if (found !== undefined && !isFault(found)) expect(found.head.headers.length).toBe(2)
      }),
    )
    const cut = String.fromCharCode(0x010d, 0x010a)
    expect(() => responseHeadText(200, ['x', `a${cut}b: c`], '\r\n')).toThrow(TypeError)
    expect(() => requestHeadText('GET', '/ HTTP/1.1\r\n', [], '\r\n')).toThrow(TypeError)
    expect(() => requestHeadText('G T', '/', [], '\r\n')).toThrow(TypeError)
    expect(() => responseHeadText(20, [], '\r\n')).toThrow(TypeError)
    expect(() => responseHeadText(1_000, [], '\r\n')).toThrow(TypeError)
  })
})
