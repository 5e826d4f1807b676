import { type Change, hideSecrets, sameJson } from '@countersign/kong'
import { TOLD_CHANGES_MAX, TOLD_CHARS_MAX } from './limits.ts'

/** Times say nothing that the record does not say itself. */
const SILENT: ReadonlySet<string> = new Set(['updated_at', 'created_at', 'id'])

/** A difference in words, entity by entity, without a secret: `services order-service: retries 5 -> 6`. */
export function tellChanges(changes: readonly Change[]): Record<string, string | number> {
  const told: Record<string, string | number> = { entities: changes.length }
  for (const [i, change] of changes.slice(0, TOLD_CHANGES_MAX).entries())
    told[`change.${i + 1}`] = tellChange(change)
  return told
}

function tellChange(change: Change): string {
  const { collection, id, before, after } = change
  const shown = after ?? before
  const name = shown?.name ?? shown?.username ?? shown?.target
  const who = `${collection} ${typeof name === 'string' ? `${name} (${id})` : id}`
  const word = before === undefined ? 'made' : after === undefined ? 'removed' : 'changed'
  return `${who} ${word}: ${fieldsOf(change).join(', ')}`.slice(0, TOLD_CHARS_MAX)
}

function fieldsOf({ collection, before, after }: Change): string[] {
  const [old, made] = [before, after].map((each) =>
    each === undefined ? {} : hideSecrets(collection, each),
  )
  const names = new Set([...Object.keys(old ?? {}), ...Object.keys(made ?? {})])
  const fields: string[] = []
  for (const name of names) {
    const [from, to] = [(old as never)?.[name], (made as never)?.[name]] as [unknown, unknown]
    // A secret that has changed is hidden on both sides; that it has changed is no secret.
    const differs = !sameJson((before as never)?.[name], (after as never)?.[name])
    if (SILENT.has(name) || !differs) continue
    if (before === undefined) {
      if (to !== null) fields.push(`${name} ${short(to)}`)
    } else if (after === undefined) continue
    else fields.push(`${name} ${short(from)} -> ${short(to)}`)
  }
  return fields
}

const short = (value: unknown): string => {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > 160 ? `${text.slice(0, 160)}…` : text
}
