import { messageOf } from '@countersign/ground/errors'
import type { Joined } from '@countersign/service'
import type { Desk } from '../desk.ts'
import { ADOPTED_LEAVE_MS } from '../limits.ts'
import { pause } from '../supervisor/pause.ts'
import { removeCertificates, writeCertificates } from './certificate-files.ts'
import { ChildCommand } from './child-command.ts'
import { keepRegistered, type KeptOnList } from './keep-registered.ts'

export interface AdoptedOptions {
  readonly desk: Desk
  readonly name: string
  /** On 127.0.0.1; `undefined` for a program that only calls others. */
  readonly port: number | undefined
  /** Where the certificate goes. */
  readonly folder: string
  /** Sent after a renewal; `undefined`: the program is started anew. */
  readonly reload: NodeJS.Signals | undefined
  /** Words; none where somebody else starts the program. */
  readonly command: readonly string[]
}

/*
 * One program that was taken in, in this order:
 * 1. files, then the program, then the list of services as soon as it answers
 * 2. at each renewal: files, then the signal; or off the list, stop, start, and back when it answers
 * 3. at the end: off the list, stop, files
 */
export class Adopted {
  readonly #options: AdoptedOptions
  readonly #ended = Promise.withResolvers<string | undefined>()
  readonly #closing = new AbortController()
  readonly #child: ChildCommand | undefined
  #list: KeptOnList | undefined
  #renewals = Promise.resolve()

  constructor(options: AdoptedOptions) {
    this.#options = options
    const { command, desk } = options
    this.#child =
      command.length === 0
        ? undefined
        : new ChildCommand(command, desk, (said) => this.#ended.resolve(said))
  }

  /** Ends it in order. `why`: what went wrong, if anything did. */
  end(why?: string): void {
    this.#ended.resolve(why)
  }
  kill(): void {
    this.#child?.kill()
  }

  /** Runs until it ends; says what went wrong. */
  async run(joined: Joined): Promise<string | undefined> {
    const { folder, name, port } = this.#options
    await writeCertificates(folder, joined.identity)
    const forget = joined.identity.onChange(() => this.#renewed(joined))
    try {
      await this.#child?.start()
      const onChange = (answers: boolean): void => this.#tell(answers)
      if (port !== undefined) this.#list = keepRegistered({ name, port }, joined, { onChange })
      else this.#note(`${name} has a certificate in ${folder}. Ctrl-C takes it away.`)
      return await this.#ended.promise
    } finally {
      this.#closing.abort()
      forget()
      await this.#renewals
      await this.#list?.close()
      await this.#child?.stop()
      await removeCertificates(folder)
    }
  }

  /** One after the other: an older certificate must not come after a newer one. */
  #renewed(joined: Joined): void {
    this.#renewals = this.#renewals
      .then(() => this.#refresh(joined))
      .catch((error: unknown) => this.end(messageOf(error)))
  }

  async #refresh({ identity }: Joined): Promise<void> {
    const { folder, reload, name } = this.#options
    if (this.#closing.signal.aborted) return
    await writeCertificates(folder, identity)
    if (this.#child === undefined) return
    if (reload !== undefined) return this.#child.signal(reload)
    this.#note(`the certificate of ${name} was renewed; it starts anew`)
    await this.#list?.leave()
    await pause(ADOPTED_LEAVE_MS, this.#closing.signal)
    await this.#child.stop()
    if (this.#closing.signal.aborted) return
    await this.#child.start()
    this.#list?.resume()
  }

  #tell(answers: boolean): void {
    const { name, port } = this.#options
    if (this.#closing.signal.aborted) return
    this.#note(
      answers
        ? `${name} answers at 127.0.0.1:${port} with its certificate: it is found under its name`
        : `${name} does not answer at 127.0.0.1:${port}, or not with its certificate: nobody is sent to it`,
    )
  }

  #note(text: string): void {
    this.#options.desk.output.note(text)
  }
}
