import type { Duplex } from 'node:stream'
import { NOT_STARTED_HEADER, type Receiver, Refusal, type UpstreamError } from '@countersign/layers'
import { filterResponseHeaders } from '../domain/filter-headers.ts'
import { AnswerWork } from '../plugins/answer-work.ts'
import { sameName } from '../plugins/headers.ts'
import type { PluginExchange } from '../plugins/plugin-exchange.ts'
import type { Attempt } from './attempt.ts'

/*
 * Stands between a service's answer and the way to the client where plugins look at answers: the head goes through them,
 * the body is collected where one wants it whole, and those that only look see what goes out.
 */
export class WorkedAnswer implements Receiver {
  readonly #attempt: Attempt
  readonly #asked: PluginExchange
  #work: AnswerWork | undefined
  #collected: Buffer[] | undefined
  #size = 0
  #resume: () => void = () => {}
  /** It is over for us, whatever else comes. */
  #over = false

  constructor(attempt: Attempt, asked: PluginExchange) {
    this.#attempt = attempt
    this.#asked = asked
  }

  head(status: number, headers: readonly string[], resume: () => void): boolean {
    if (status === 503 && headers.some((name) => sameName(name, NOT_STARTED_HEADER)))
      return this.#passOn(status, headers, resume)
    const flat = filterResponseHeaders(headers)
    // For plugins alone, which may reckon with it: `AnswerWork` does not give it out.
    const at = headers.findIndex((name, i) => i % 2 === 0 && sameName(name, 'date'))
    if (at !== -1) flat.push('date', headers[at + 1] ?? '')
    this.#resume = resume
    try {
      this.#work = new AnswerWork(this.#asked, { status, flat, source: 'service' })
      if (this.#work.bytesMax === 0) return this.#begin(this.#work)
      this.#collected = []
      return true
    } catch (error) {
      return this.#fail(error)
    }
  }

  data(chunk: Buffer): boolean {
    if (this.#over) return true
    const work = this.#work
    if (this.#collected === undefined || work === undefined) return this.#giveOn(chunk)
    this.#collected.push(chunk)
    this.#size += chunk.length
    return this.#size <= work.bytesMax || this.#overflow(work, this.#collected)
  }

  end(trailers?: readonly string[]): void {
    if (this.#over) return
    try {
      if (this.#collected !== undefined && this.#work !== undefined)
        this.#replace(this.#work, Buffer.concat(this.#collected))
      this.#work?.endTaps(true)
    } catch (error) {
      this.#fail(error)
      return
    }
    this.#attempt.end(trailers)
  }

  /** Its head is looked at like any other; of what passes then no plugin hears. */
  upgraded(status: number, headers: readonly string[], service: Duplex, firstBytes: Buffer): void {
    try {
      const work = new AnswerWork(this.#asked, {
        ...{ status, source: 'service' },
        flat: filterResponseHeaders(headers),
      })
      work.giveUp()
      this.#asked.passage.source = 'service'
      this.#attempt.change(status, headers, { flat: [...work.headers], service, firstBytes })
    } catch (error) {
      service.destroy()
      this.#fail(error)
    }
  }

  error(error: UpstreamError): void {
    if (this.#over) return
    try {
      if (this.#collected !== undefined) this.#work?.giveUp()
      this.#work?.endTaps(false)
    } catch {
      // The answer has failed already, and that counts.
    }
    this.#attempt.error(error)
  }

  /** The instance has not begun: no plugin hears of it. */
  #passOn(status: number, headers: readonly string[], resume: () => void): boolean {
    this.#over = true
    return this.#attempt.head(status, headers, resume)
  }

  #begin(work: AnswerWork): boolean {
    work.beginTaps()
    const { passage } = this.#asked
    passage.source = 'service'
    return this.#attempt.begin(work.status, [...work.headers], this.#resume)
  }

  /** What a plugin throws ends its request, whoever has called here, and is no fault of the service. */
  #giveOn(chunk: Buffer): boolean {
    try {
      return this.#give(chunk)
    } catch (error) {
      return this.#fail(error)
    }
  }
  #give(chunk: Buffer): boolean {
    this.#work?.tap(chunk)
    this.#asked.passage.answerBytes += chunk.length
    return this.#attempt.data(chunk)
  }

  #replace(work: AnswerWork, whole: Buffer): void {
    this.#collected = undefined
    const bodiless = this.#asked.method === 'HEAD' || work.status === 204 || work.status === 304
    const bytes = work.replace(whole, bodiless)
    this.#begin(work)
    if (!bodiless && bytes.length > 0) this.#give(bytes)
  }

  /** Longer than any of them wants it: it passes unchanged, unless one of them must see it. */
  #overflow(work: AnswerWork, collected: readonly Buffer[]): boolean {
    this.#collected = undefined
    try {
      const { required } = work
      work.giveUp()
      if (required) throw tooLong()
      let goesOn = this.#begin(work)
      for (const chunk of collected) goesOn = this.#give(chunk)
      return goesOn
    } catch (error) {
      return this.#fail(error)
    }
  }

  #fail(error: unknown): boolean {
    this.#over = true
    try {
      this.#work?.endTaps(false)
    } catch {
      // There is one failure already, and it is on record.
    }
    this.#attempt.refuse(error)
    return true
  }
}

const tooLong = (): Refusal =>
  new Refusal('UPSTREAM_FAILED', {
    rule: 'the answer is longer than a plugin can look into that must see all of it',
    remedy: 'answer with less, or take the plugin away',
  })
