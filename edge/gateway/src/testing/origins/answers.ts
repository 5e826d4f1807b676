/** An answer as a client of the fuzzer reads it. */
export interface Answer {
  readonly status: number
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>
}

/** Reads the answers on a connection, strictly: what is none is a finding. */
export class AnswerReader {
  readonly answers: Answer[] = []
  #text = ''
  readonly #methods: readonly string[]

  /** The methods of the requests in their order, since the answer to HEAD has no body. */
  constructor(methods: readonly string[]) {
    this.#methods = methods
  }
  /** Bytes that are not the whole of an answer yet. */
  get rest(): string {
    return this.#text
  }
  /** Throws where something is no answer. */
  take(text: string): void {
    this.#text += text
    while (this.#text !== '') {
      const end = this.#text.indexOf('\r\n\r\n')
      if (end === -1) return
      const answer = headOf(this.#text.slice(0, end))
      const length = this.#bodyLength(answer, end + 4)
      if (length === undefined) return
      this.#text = this.#text.slice(end + 4 + length)
      if (answer.status >= 200) this.answers.push(answer)
    }
  }

  /** The connection has ended, and with it the body of an answer that says no other end. */
  ended(): void {
    const end = this.#text.indexOf('\r\n\r\n')
    if (end === -1) return
    const answer = headOf(this.#text.slice(0, end))
    const { headers } = answer
    if (headers.has('content-length') || headers.has('transfer-encoding')) return
    if (headers.get('connection') === 'close') this.answers.push(answer)
  }

  /** The bytes of the body as they were sent; `undefined`: not all are there. */
  #bodyLength({ status, headers }: Answer, from: number): number | undefined {
    const isHead = this.#methods[this.answers.length] === 'HEAD'
    if (status < 200 || status === 204 || status === 304 || isHead) return 0
    const length = headers.get('content-length')
    if (length !== undefined)
      return this.#text.length - from < Number(length) ? undefined : Number(length)
    if (headers.get('transfer-encoding') !== 'chunked') return undefined
    for (let at = from; ; ) {
      const line = this.#text.indexOf('\r\n', at)
      if (line === -1) return undefined
      const size = Number.parseInt(this.#text.slice(at, line), 16)
      if (!(size >= 0)) throw new Error('a chunk without a size')
      at = line + 2 + size + 2
      if (at > this.#text.length) return undefined
      if (size === 0) return at - from
    }
  }
}

function headOf(text: string): Answer {
  const [line = '', ...lines] = text.split('\r\n')
  const status = /^HTTP\/1\.1 ([1-5][0-9]{2}) /.exec(line)?.[1]
  if (status === undefined) throw new Error(`no answer: ${JSON.stringify(line.slice(0, 80))}`)
  const headers = new Map<string, string>()
  for (const each of lines) {
    const colon = each.indexOf(':')
    headers.set(each.slice(0, colon).toLowerCase(), each.slice(colon + 1).trim())
  }
  return { status: Number(status), headers }
}
