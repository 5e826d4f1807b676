/** The known word that was probably meant, or `undefined`: at most a third of its letters differ. */
export function suggest(word: string, known: readonly string[]): string | undefined {
  const near = known
    .map((each) => ({ each, distance: distance(word.toLowerCase(), each.toLowerCase()) }))
    .filter(({ each, distance }) => distance <= Math.max(1, Math.floor(each.length / 3)))
    .sort((a, b) => a.distance - b.distance)
  return near[0]?.each
}

/** Levenshtein's distance; words are cut at 64 letters, so that no input makes it slow. */
function distance(a: string, b: string): number {
  const right = b.slice(0, 64)
  let row = Array.from({ length: right.length + 1 }, (_, i) => i)
  for (const [i, letter] of [...a.slice(0, 64)].entries()) {
    const next = [i + 1]
    for (let j = 1; j <= right.length; j++) {
      const same = letter === right[j - 1]
      next[j] = Math.min(
        (row[j] ?? 0) + 1,
        (next[j - 1] ?? 0) + 1,
        (row[j - 1] ?? 0) + (same ? 0 : 1),
      )
    }
    row = next
  }
  return row[right.length] ?? 0
}
