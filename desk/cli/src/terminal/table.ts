// biome-ignore lint/suspicious/noControlCharactersInRegex: the escape character is what this is about
const COLOUR = /\u001b\[[0-9]*m/g

/** Lines of a table with aligned columns; colour codes have no width. The last column is not padded. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows]
  const widths = head.map((_, column) => Math.max(...all.map((row) => width(row[column] ?? ''))))
  return all
    .map((row) =>
      head
        .map((_, i) => pad(row[i] ?? '', i === head.length - 1 ? 0 : (widths[i] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

function width(text: string): number {
  return [...text.replaceAll(COLOUR, '')].length
}

function pad(text: string, to: number): string {
  return text + ' '.repeat(Math.max(0, to - width(text)))
}
