import type { PluginAnswer, PluginBody, PluginTap } from '@countersign/kong'
import { pick } from './bound-chain.ts'
import { Headers, isOursTowardsClient, sameName } from './headers.ts'
import type { PluginExchange } from './plugin-exchange.ts'

/*
 * What plugins do to an answer, whoever gives it:
 *
 * 1. what they have said of it before is joined into its headers
 * 2. each looks at its head, and may change it
 * 3. of the service's answers: those that want the whole body get it, one after the other, each what the one before made
 * 4. and those that only look see the bytes that go out
 */
export class AnswerWork {
  readonly #answer: Answer
  readonly #asked: PluginExchange
  #bodies: readonly PluginBody[] | undefined
  #taps: readonly PluginTap[] | undefined

  /** Does 1 and 2, and asks for 3 and 4. Throws what a plugin throws. `flat` becomes this object's own. */
  constructor(
    asked: PluginExchange,
    head: {
      readonly status: number
      readonly flat: string[]
      readonly source: PluginAnswer['source']
    },
  ) {
    this.#asked = asked
    this.#answer = new Answer(head.status, head.flat, head.source)
    asked.saidOfAnswer?.joinInto(this.#answer.headers)
    const consumer = asked.consumer?.id
    for (const slot of asked.chain.head) pick(slot, consumer)?.instance.head?.(this.#answer, asked)
    if (head.source !== 'service') return
    for (const slot of asked.chain.body) {
      const body = pick(slot, consumer)?.instance.body?.(this.#answer, asked)
      if (body !== undefined) this.#bodies = [...(this.#bodies ?? []), body]
    }
  }
  get status(): number {
    return this.#answer.status
  }
  /** As they go out: of the time of an answer the door itself speaks. */
  get headers(): readonly string[] {
    const { flat } = this.#answer.headers
    return flat.filter((_, i) => !sameName(flat[i - (i % 2)] ?? '', 'date'))
  }
  /** How much of the body has to be collected, in bytes; 0: none. */
  get bytesMax(): number {
    return this.#bodies?.reduce((most, { bytesMax }) => Math.max(most, bytesMax), 0) ?? 0
  }
  /** Whether some plugin lets nothing pass that it has not seen. */
  get required(): boolean {
    return this.#bodies?.some(({ required }) => required === true) ?? false
  }

  /**
   * The body that goes out for the one that came; its length is in the headers then. `bodiless`: whatever they make of it,
   * the answer has none. Throws what a plugin throws.
   */
  replace(whole: Buffer, bodiless: boolean): Buffer {
    let bytes = whole
    for (const { bytesMax, done } of this.#bodies ?? [])
      bytes = done(bytes.length > bytesMax ? undefined : bytes) ?? bytes
    this.#bodies = undefined
    if (!bodiless) this.#answer.headers.replace('content-length', String(bytes.length))
    return bytes
  }
  /** The body is longer than anybody wants it, or has broken off. */
  giveUp(): void {
    for (const { done } of this.#bodies ?? []) done(undefined)
    this.#bodies = undefined
  }

  /** Asked once the head is final: who only looks. Throws what a plugin throws. */
  beginTaps(): void {
    const consumer = this.#asked.consumer?.id
    for (const slot of this.#asked.chain.tap) {
      const tap = pick(slot, consumer)?.instance.tap?.(this.#answer, this.#asked)
      if (tap !== undefined) this.#taps = [...(this.#taps ?? []), tap]
    }
  }
  tap(chunk: Buffer): void {
    for (const each of this.#taps ?? []) each.data(chunk)
  }
  endTaps(whole: boolean): void {
    const taps = this.#taps ?? []
    this.#taps = undefined
    for (const each of taps) each.end(whole)
  }
}

class Answer implements PluginAnswer {
  status: number
  readonly headers: Headers
  readonly source: PluginAnswer['source']
  constructor(status: number, flat: string[], source: PluginAnswer['source']) {
    this.status = status
    this.headers = new Headers(flat, isOursTowardsClient)
    this.source = source
  }
}
