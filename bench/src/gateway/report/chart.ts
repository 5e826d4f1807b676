/** Groups of horizontal bars, each bar with the range that its value lies in. */
export interface Chart {
  readonly title: string
  readonly unit: string
  readonly groups: readonly {
    readonly title: string
    readonly bars: readonly {
      readonly label: string
      readonly value: number
      readonly min: number
      readonly max: number
      /** Drawn in the colour of the house. */
      readonly ours: boolean
    }[]
  }[]
}

const WIDTH = 760
const LABEL = 190
const RIGHT = 90
const BAR = 20
const GAP = 6
const GROUP_HEAD = 34
const TOP = 44

/* Follows the reader's light or dark mode; the background is left to the page. */
const STYLE = `
  text { font: 13px system-ui, sans-serif; fill: #24292f }
  .title { font-size: 16px; font-weight: 600 }
  .group { font-weight: 600 }
  .value { font-variant-numeric: tabular-nums }
  .bar { fill: #8c959f }
  .ours { fill: #1f6feb }
  .range { stroke: #24292f; stroke-width: 1.5 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .bar { fill: #6e7681 }
    .ours { fill: #58a6ff }
    .range { stroke: #e6edf3 }
  }`

/** Draws a chart as SVG. */
export function drawChart({ title, unit, groups }: Chart): string {
  const most = Math.max(...groups.flatMap(({ bars }) => bars.map(({ max }) => max)))
  const scale = (value: number): number => (value / most) * (WIDTH - LABEL - RIGHT)
  const lines: string[] = []
  let y = TOP
  for (const group of groups) {
    lines.push(`<text class="group" x="0" y="${y + 16}">${escaped(group.title)}</text>`)
    y += GROUP_HEAD - 8
    for (const bar of group.bars) {
      lines.push(drawBar(bar, { y, unit, scale }))
      y += BAR + GAP
    }
    y += GAP * 2
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" role="img">`,
    `<title>${escaped(title)}</title>`,
    `<style>${STYLE}\n</style>`,
    `<text class="title" x="0" y="20">${escaped(title)}</text>`,
    ...lines,
    '</svg>\n',
  ].join('\n')
}

function drawBar(
  bar: Chart['groups'][number]['bars'][number],
  at: { readonly y: number; readonly unit: string; readonly scale: (value: number) => number },
): string {
  const { label, value, min, max, ours } = bar
  const { y, unit, scale } = at
  const middle = y + BAR / 2
  const [from, to] = [LABEL + scale(min), LABEL + scale(max)].map((x) => x.toFixed(1))
  const kind = ours ? 'bar ours' : 'bar'
  const said = `${value < 10 ? value.toFixed(2) : value.toFixed(1)} ${unit}`
  const end = (LABEL + scale(Math.max(value, max)) + 8).toFixed(1)
  return [
    `<text x="${LABEL - 8}" y="${middle + 4.5}" text-anchor="end">${escaped(label)}</text>`,
    `<rect class="${kind}" x="${LABEL}" y="${y}" width="${scale(value).toFixed(1)}" height="${BAR}" rx="2"/>`,
    `<line class="range" x1="${from}" x2="${to}" y1="${middle}" y2="${middle}"/>`,
    `<text class="value" x="${end}" y="${middle + 4.5}">${escaped(said)}</text>`,
  ].join('')
}

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
