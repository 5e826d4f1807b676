/*
 * Whether the letters of a label come from more than one script, which is how look-alikes are made (UTS 39, 5.2,
 * "highly restrictive" without its allowance for Latin beside others). A letter of a script that is not listed here
 * counts as mixed: better one refusal too many.
 */
const SCRIPTS: readonly (readonly [name: string, pattern: RegExp])[] = [
  'Latin',
  'Greek',
  'Cyrillic',
  'Armenian',
  'Hebrew',
  'Arabic',
  'Devanagari',
  'Bengali',
  'Gurmukhi',
  'Gujarati',
  'Tamil',
  'Telugu',
  'Kannada',
  'Malayalam',
  'Sinhala',
  'Thai',
  'Lao',
  'Tibetan',
  'Georgian',
  'Khmer',
  'Myanmar',
  'Ethiopic',
  'Han',
  'Hiragana',
  'Katakana',
  'Hangul',
  'Bopomofo',
].map((name) => [name, new RegExp(`^\\p{Script=${name}}$`, 'u')] as const)
const NEUTRAL = /^[\p{Script=Common}\p{Script=Inherited}]$/u

const WRITTEN_TOGETHER: readonly ReadonlySet<string>[] = [
  new Set(['Han', 'Hiragana', 'Katakana']),
  new Set(['Han', 'Hangul']),
  new Set(['Han', 'Bopomofo']),
]

export function mixesScripts(label: string): boolean {
  const found = new Set<string>()
  for (const character of label) {
    if (NEUTRAL.test(character)) continue
    const script = SCRIPTS.find(([, pattern]) => pattern.test(character))
    if (script === undefined) return true
    found.add(script[0])
  }
  if (found.size <= 1) return false
  return !WRITTEN_TOGETHER.some((together) => [...found].every((script) => together.has(script)))
}
