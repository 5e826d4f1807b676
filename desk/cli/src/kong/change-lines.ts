import type { ControlVersion } from '@countersign/contract/platform'
import type { Colours } from '../terminal/colours.ts'
import { printable } from '../terminal/printable.ts'

type Change = ControlVersion['changes'][number]
type Fields = Readonly<Record<string, unknown>>

/** What becomes of entities, for people: one that comes, one that goes, or the fields that become others. */
export function changeLines(changes: readonly Change[], colours: Colours): readonly string[] {
  return changes.flatMap((change) => linesOf(change, colours))
}

function linesOf(
  { collection, id, before, after }: Change,
  { green, red, yellow, dim }: Colours,
): readonly string[] {
  const name = printable(`${collection} ${nameOf(after ?? before ?? {}) ?? ''}`.trimEnd())
  const [sign, paint] =
    before === null
      ? (['+', green] as const)
      : after === null
        ? (['-', red] as const)
        : (['~', yellow] as const)
  const line = `  ${paint(sign)} ${name} ${dim(id)}`
  if (before === null || after === null) return [line]
  return [line, ...fieldsOf(before, after).map((field) => `      ${printable(field)}`)]
}

function nameOf(entity: Fields): string | undefined {
  const { name, username, custom_id, target, group, paths } = entity
  const found = [name, username, custom_id, target, group].find((each) => typeof each === 'string')
  if (typeof found === 'string') return found
  return Array.isArray(paths) ? paths.join(' ') : undefined
}

/** Each field that differs, with both values. */
function fieldsOf(before: Fields, after: Fields): readonly string[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])]
  return names.flatMap((name) => {
    if (name === 'updated_at') return []
    const [from, to] = [JSON.stringify(before[name] ?? null), JSON.stringify(after[name] ?? null)]
    return from === to ? [] : [`${name}: ${from} → ${to}`]
  })
}
