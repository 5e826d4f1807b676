import { authority } from '@countersign/contract/platform'
import { messageOf } from '@countersign/ground/errors'
import type { Connected } from '@countersign/service'
import { JOIN_TOKEN_SECONDS, MINT_WAIT_MS_MAX } from '../limits.ts'
import { OwnSeat } from './own-seat.ts'
import type { JoinFacts, OwnWorkload } from './own-workload.ts'

/** The desk as a workload: it has join tokens made and asks others how they are. It has no right beside these. */
export interface DeskWorkload {
  /** The way into the mesh; another one after a loss of the certificate. */
  readonly link: Connected<'desk'>
  /** A one-time token with which a workload of this name may join. */
  mintToken(name: string): Promise<string>
  close(): Promise<void>
}

export interface JoinAsDeskOptions extends JoinFacts {
  readonly token: string
  /**
   * Puts another token for the desk in place, where its certificate is lost. Nobody can ask an authority for it, since
   * asking takes a certificate.
   */
  readonly newToken: () => Promise<string>
}

/**
 * Joins as `desk`, then as `prometheus`, and keeps both identities on disk: the one for commands, the other for a
 * Prometheus that an operator runs.
 */
export async function joinAsDesk(options: JoinAsDeskOptions): Promise<DeskWorkload> {
  const desk = await OwnSeat.take({ ...options, name: 'desk' })
  const mintToken = async (name: string): Promise<string> => {
    // Where all have lost their certificates at once, the desk comes back first: that takes a moment.
    await desk.settled(MINT_WAIT_MS_MAX)
    return mint(desk.current, name)
  }
  const newToken = (): Promise<string> => mintToken('prometheus')
  const prometheus = await OwnSeat.take({
    ...{ ...options, name: 'prometheus', newToken },
    token: await newToken(),
  })
  return {
    get link() {
      return desk.current.link as Connected<'desk'>
    },
    mintToken,
    close: async () => {
      await prometheus.close()
      await desk.close()
    },
  }
}

/** Tokens are made by whichever authority answers: one of them may be away, for that is when tokens are needed. */
async function mint({ link, seeds }: OwnWorkload, name: string): Promise<string> {
  const authorities = seeds.filter((seed) => seed.name === 'authority')
  let fault: unknown
  for (const seed of authorities) {
    try {
      const body = { name, ttlSeconds: JOIN_TOKEN_SECONDS }
      return (await (link as Connected<'desk'>).callAt(authority, seed).mintToken({ body })).token
    } catch (error) {
      fault = error
    }
  }
  throw new Error(`no authority makes a join token: ${messageOf(fault)}`, { cause: fault })
}
