import { type Client, differenceOf } from './compare.ts'
import type { Piece } from './piece.ts'
import { type Sighting, valuesOf } from './recorder.ts'
import type { Got } from './send.ts'
import type { Stream } from './stream.ts'

/*
 * A stream whose requests are known:
 *
 * - what has to be served is seen once, as it is meant, and answered by its own origin
 * - what has to be refused is seen by nobody, and answered 4xx
 * - behind what ends the connection, nothing is seen and nothing is answered
 * - answers come in the order of the requests
 * - no origin sees anything else
 */
export function judge(
  stream: Stream,
  got: Got,
  seen: readonly Sighting[],
  client: Client,
): string[] {
  const findings: string[] = got.fault === undefined ? [] : [got.fault]
  const byId = new Map<string, Sighting[]>()
  for (const each of seen) {
    const id = idOf(each)
    byId.set(id, [...(byId.get(id) ?? []), each])
  }
  const attackAt = stream.pieces.findIndex((each) => each.fate === 'ends')
  const isLate = got.answers.some(({ status }) => status === TOO_SLOW)
  let phase: Phase = !isLate && (attackAt === -1 || stream.isPatient) ? 'sure' : 'perhaps'
  for (const [i, piece] of stream.pieces.entries()) {
    const sightings = byId.get(piece.id) ?? []
    byId.delete(piece.id)
    const what = judgePiece(piece, { phase, sightings, answer: got.answers[i], client })
    if (what !== undefined) findings.push(`${piece.kind} (${piece.id}): ${what}`)
    if (piece.closes || piece.fate === 'ends') phase = 'over'
    else if (piece.fate === 'refused' && phase === 'sure') phase = 'perhaps'
  }
  for (const [id, [first]] of byId)
    findings.push(`nobody asked for ${id}: ${first?.origin} saw ${first?.method} ${first?.target}`)
  if (got.answers.length > stream.pieces.length) findings.push('more answers than requests')
  return findings
}

/** On a machine without a CPU to spare, this client may be so slow itself that it is cut off, or its load may be shed. */
const TOO_SLOW = 408
const TURNED_AWAY = 503

/** `sure`: a request is served. `perhaps`: it may be lost with its connection. `over`: it is none. */
type Phase = 'sure' | 'perhaps' | 'over'

function judgePiece(
  piece: Piece,
  facts: {
    readonly phase: Phase
    readonly sightings: readonly Sighting[]
    readonly answer: Got['answers'][number] | undefined
    readonly client: Client
  },
): string | undefined {
  const { phase, sightings, answer, client } = facts
  const [first] = sightings
  if (phase === 'over') {
    if (first !== undefined) return 'seen behind the end of its connection'
    return answer === undefined ? undefined : `answered ${answer.status} behind the end`
  }
  if (piece.meant === undefined) {
    if (first !== undefined) return `${first.origin} saw ${first.method} ${first.target}`
    if (answer === undefined) return undefined
    const isRefusal = answer.status >= 400 && answer.status < 500 && !answer.headers.has('x-seen')
    return isRefusal ? undefined : `answered ${answer.status}`
  }
  if (answer !== undefined && client.lost.has(answer.headers.get('x-request-id')))
    return sightings.length > 1 ? `seen ${sightings.length} times` : undefined
  if (sightings.length > 1) return `seen ${sightings.length} times`
  if (first === undefined) {
    if (answer?.status === TOO_SLOW || answer?.status === TURNED_AWAY) return undefined
    if (answer !== undefined)
      return `answered ${answer.status} ${answer.headers.get('server') ?? ''}, unseen`
    return phase === 'sure' ? 'not seen' : undefined
  }
  if (answer === undefined && phase === 'sure') return 'not answered'
  return differenceOf(first, piece.meant, client) ?? wrongAnswer(answer, first)
}

function wrongAnswer(
  answer: Got['answers'][number] | undefined,
  seen: Sighting,
): string | undefined {
  if (answer === undefined) return undefined
  // Of whole answers, nginx and Apache cut the range that is asked for.
  if (answer.status !== 200 && answer.status !== 206) return `answered ${answer.status}`
  const [id] = valuesOf(seen.headers, 'x-request-id')
  return answer.headers.get('x-seen') === id ? undefined : "answered with another's answer"
}

/** The id of the request, which has to be the same wherever it stands. */
function idOf({ headers, target }: Sighting): string {
  const told = valuesOf(headers, 'x-fuzz').join(', ')
  const asked = /[?&]fuzz=([^&]*)$/.exec(target)?.[1]
  return told === asked ? told : `${told} / ${asked}`
}
