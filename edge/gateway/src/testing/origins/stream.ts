import { Chance, spoilBytes } from '@countersign/ground/testkit'
import { type Attack, pieceOf } from './attack.ts'
import { ATTACKS_ON_FRAMING } from './attacks-on-framing.ts'
import { ATTACKS_ON_MEANING } from './attacks-on-meaning.ts'
import { hidden, type Origin, type Piece } from './piece.ts'
import { lastOne, wellFormed } from './well-formed.ts'

/** Everything that a client sends on one connection. */
export interface Stream {
  readonly seed: number
  /** Where the client connects from: by this address, which the gateway tells, what an origin sees is known to be of this stream. */
  readonly address: string
  readonly pieces: readonly Piece[]
  /** Latin1. Not those of the pieces where the stream is spoilt. */
  readonly bytes: string
  /** Where the writes end. */
  readonly cuts: readonly number[]
  /** The client waits for all answers before it sends what an attack is. */
  readonly isPatient: boolean
  /** Bytes were lost, doubled or changed at random: what is a request in it another parser has to say. */
  readonly isSpoilt: boolean
}

const ATTACKS: readonly Attack[] = [...ATTACKS_ON_FRAMING, ...ATTACKS_ON_MEANING]
export const ATTACKS_COUNT: number = ATTACKS.length
const PIECES_MAX = 32
const BY_THE_BYTE_MAX = 2_000

/** The same seed gives the same stream again. The first `ATTACKS_COUNT` seeds bring every attack once. */
export function makeStream(seed: number, origins: readonly Origin[]): Stream {
  const chance = new Chance(seed)
  const isSpoilt = seed > ATTACKS_COUNT && chance.once(4)
  const name = `s${seed.toString(36)}`
  const count = 1 + chance.number(PIECES_MAX)
  const pieces = Array.from({ length: count }, (_, i) =>
    wellFormed({ chance, id: `${name}-${i}`, origins }),
  )
  const end = (): string => `${name}-${pieces.length}`
  const attack = isSpoilt ? undefined : attackOf(seed, chance)
  if (attack !== undefined) {
    pieces.push(pieceOf(attack, chance.of(origins), end()))
    for (let i = chance.number(3); i > 0; i--)
      pieces.push(wellFormed({ chance, id: end(), origins }))
  } else if (chance.once(2)) pieces.push(lastOne({ chance, id: end(), origins }))
  let bytes = pieces.map((each) => each.bytes).join('')
  if (pieces.at(-1)?.closes === true) bytes += hidden(chance.of(origins), name)
  for (let i = isSpoilt ? 1 + chance.number(3) : 0; i > 0; i--) bytes = spoilBytes(bytes, chance)
  const isPatient = !isSpoilt && chance.once(2)
  return {
    seed,
    address: addressOf(seed),
    pieces,
    bytes,
    cuts: cut(bytes, chance),
    isPatient,
    isSpoilt,
  }
}

function attackOf(seed: number, chance: Chance): Attack | undefined {
  if (seed <= ATTACKS.length) return ATTACKS[seed - 1]
  return chance.once(2) ? chance.of(ATTACKS) : undefined
}

/** One of sixteen million, so that hardly two of a run are the same. */
function addressOf(seed: number): string {
  const above = Math.floor(seed / 254)
  return `127.${1 + ((above >> 8) % 250)}.${above & 255}.${1 + (seed % 254)}`
}

function cut(bytes: string, chance: Chance): number[] {
  const kind = chance.number(4)
  if (kind === 0) return [bytes.length]
  if (kind === 1 && bytes.length < BY_THE_BYTE_MAX)
    return Array.from({ length: bytes.length }, (_, i) => i + 1)
  const cuts = Array.from({ length: chance.number(30) }, () => chance.number(bytes.length))
  return [...cuts.sort((a, b) => a - b), bytes.length]
}
