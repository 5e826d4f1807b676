/**
 * A value as Kong's messages show it: a Lua table on one line, as in `{name="x"}`. Keys come in order of their names, so
 * that the same violation reads the same each time.
 */
export function luaText(value: unknown): string {
  if (value === null || value === undefined) return 'null'
  if (Array.isArray(value)) return `{${value.map(luaText).join(',')}}`
  if (typeof value === 'object') {
    const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
    return `{${entries.map(([key, each]) => `${keyText(key)}=${luaText(each)}`).join(',')}}`
  }
  return typeof value === 'string' ? JSON.stringify(value) : String(value)
}

const keyText = (key: string): string =>
  /^[A-Za-z_][A-Za-z0-9_]*$/.test(key) ? key : `[${JSON.stringify(key)}]`
