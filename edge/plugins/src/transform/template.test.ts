import { expect, test } from 'vitest'
import { compileTemplate, type Readable } from './template.ts'

const source: Readable = {
  header: (name) => ({ 'x-team': 'red', accept: 'text/plain' })[name],
  parameter: (name) => ({ q: 'a b' })[name],
  capture: (name) => ({ id: '42', '1': 'first' })[name],
}
const rendered = (text: string): string => {
  const template = compileTemplate(text)
  if (typeof template === 'string') throw new Error(template)
  return template.render(source, (value) => value)
}

test("reads what Kong's documentation shows", () => {
  expect(rendered('plain')).toBe('plain')
  expect(rendered('$(headers.accept)')).toBe('text/plain')
  expect(rendered('$(headers["x-team"])/$(query_params.q)')).toBe('red/a b')
  expect(rendered("/users/$(uri_captures['id'])/$(uri_captures[1])")).toBe('/users/42/first')
  expect(rendered('$(headers["none"] or query_params["none"] or "anonymous")')).toBe('anonymous')
  expect(rendered('a$(headers.none)b $ (c) $')).toBe('ab $ (c) $')
})

test('runs nothing', () => {
  for (const code of [
    '$(os.execute("id"))',
    '$(headers.x .. "a")',
    '$(function() return 1 end)()',
    '$((function() end)())',
    '$(shared.secret)',
    '$(headers["a")',
    '$(headers.a or)',
    '$(headers.a',
    '$(constructor.constructor)',
    '$()',
  ])
    expect(typeof compileTemplate(code), code).toBe('string')
})
