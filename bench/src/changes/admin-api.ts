import { Agent, request } from 'node:http'

export interface AdminAnswer {
  readonly status: number
  readonly json: any
}

/** Kong's Admin API of a platform, with a key. */
export class AdminApi {
  readonly #agent = new Agent({ keepAlive: true })
  readonly #url: string
  readonly #key: string

  constructor(url: string, key: string) {
    this.#url = url
    this.#key = key
  }

  /** Throws where the answer is not the one that Kong documents for a change that was made. */
  async change(method: string, path: string, body?: object): Promise<any> {
    const { status, json } = await this.#ask(method, path, body)
    const wanted = { POST: 201, PATCH: 200, DELETE: 204 }[method]
    if (status === wanted) return json
    throw new Error(`${method} ${path} was answered ${status}: ${JSON.stringify(json)}`)
  }
  close(): void {
    this.#agent.destroy()
  }

  #ask(method: string, path: string, body: object | undefined): Promise<AdminAnswer> {
    const text = body === undefined ? undefined : JSON.stringify(body)
    return new Promise((resolve, reject) => {
      const headers = {
        'kong-admin-token': this.#key,
        ...(text === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
      }
      const sent = request(new URL(path, this.#url), { method, headers, agent: this.#agent })
      sent.once('error', reject)
      sent.once('response', (response) => {
        let said = ''
        response.setEncoding('utf8').on('data', (piece: string) => (said += piece))
        response.once('error', reject)
        response.once('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            json: said === '' ? undefined : JSON.parse(said),
          }),
        )
      })
      sent.end(text)
    })
  }
}
