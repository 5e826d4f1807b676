import type { Entity } from '../collections.ts'
import { invalidOffset, invalidOptions, invalidSize } from '../errors.ts'
import { PAGE_SIZE, PAGE_SIZE_MAX, TAGS_ASKED_MAX } from '../limits.ts'
import { inOrder } from './state.ts'

/** A page of a list, as Kong asks for it in the query. */
export interface PageQuery {
  readonly size?: string | undefined
  readonly offset?: string | undefined
  readonly tags?: string | undefined
}
export interface Page<T> {
  readonly data: readonly T[]
  /** Where the next page begins; undefined after the last. */
  readonly offset: string | undefined
}

/** `a,b`: both tags. `a/b`: one of them. Throws `KongError` 11. */
export function tagFilter(tags: string | undefined): (entity: Pick<Entity, 'tags'>) => boolean {
  if (tags === undefined) return () => true
  const either = tags.includes('/')
  const asked = tags.split(either ? '/' : ',')
  if (asked.some((each) => each === '' || /\p{C}/u.test(each)) || (either && tags.includes(',')))
    throw invalidOptions({ tags: 'invalid filter syntax' })
  if (asked.length > TAGS_ASKED_MAX)
    throw invalidOptions({ tags: `cannot query with more than ${TAGS_ASKED_MAX} tags` })
  const has = (entity: Pick<Entity, 'tags'>) => (tag: string) => entity.tags?.includes(tag) === true
  return (entity) => (either ? asked.some(has(entity)) : asked.every(has(entity)))
}

/**
 * One page, in the order of making. The offset names the last entity of the page before, so entities that come or go between
 * two pages neither repeat nor hide others. Throws `KongError` 7, 9 or 11.
 */
export function pageOf<T extends Entity>(entities: Iterable<T>, query: PageQuery): Page<T> {
  const size = sizeOf(query.size)
  const after = query.offset === undefined ? undefined : placeOf(query.offset)
  const fits = tagFilter(query.tags)
  const sorted = [...entities].filter(fits).sort(inOrder)
  const from =
    after === undefined ? 0 : sorted.findIndex((entity) => inOrder(entity, after as Entity) > 0)
  const data = from === -1 ? [] : sorted.slice(from, from + size)
  const last = data.at(-1)
  const more = last !== undefined && sorted.at(-1) !== last
  return { data, offset: more ? offsetOf(last) : undefined }
}

function sizeOf(text: string | undefined): number {
  if (text === undefined) return PAGE_SIZE
  const size = /^-?[0-9.]{1,12}$/.test(text) ? Number(text) : Number.NaN
  if (Number.isNaN(size)) throw invalidSize('size must be a number')
  if (!(Number.isInteger(size) && size >= 1 && size <= PAGE_SIZE_MAX))
    throw invalidSize(`size must be an integer between 1 and ${PAGE_SIZE_MAX}`)
  return size
}

const offsetOf = ({ created_at, id }: Entity): string =>
  Buffer.from(JSON.stringify([created_at, id])).toString('base64url')

function placeOf(offset: string): Pick<Entity, 'created_at' | 'id'> {
  const text = Buffer.from(offset, 'base64url').toString()
  const [, created = '', id = ''] = /^\[([0-9.]{1,20}),"([0-9a-f-]{36})"\]$/.exec(text) ?? []
  if (id === '' || Buffer.from(text).toString('base64url') !== offset)
    throw invalidOffset(offset.slice(0, 256))
  return { created_at: Number(created), id }
}
