import type { Duplex } from 'node:stream'
import type { Refusal } from '@countersign/layers'
import { LINGER_MS_MAX, TUNNEL_CHECK_MS } from '../limits.ts'
import { closeFrame, FrameEdges, POLICY_VIOLATION } from './frame-edges.ts'

/** How long a tunnel may last. */
export interface TunnelBounds {
  /** Without a byte in either direction, in milliseconds. */
  readonly idleMsMax: number
  /** When the proof of who asked for it is over, in milliseconds since 1970. */
  readonly until: number
  /** What the service has sent behind its agreement. */
  readonly firstBytes: Buffer
}

/*
 * Two connections that are one: what comes from one side goes to the other, at the pace of the slower of the two. It ends
 * when one of them ends (the other gets what was on its way, and a moment), when nothing passes for too long, with the
 * proof of who asked for it, and when the configuration would not let it pass any more. What the bytes mean is no business
 * of ours; where a frame ends is, to say why we close.
 */
export class Tunnel {
  /** Settles when both sides are closed. */
  readonly over: Promise<void>
  toService = 0
  toClient = 0
  readonly #client: Duplex
  readonly #service: Duplex
  readonly #bounds: TunnelBounds
  #movedAt = performance.now()
  readonly #edges = new FrameEdges()
  #endingAt: number | undefined
  /** Why this door has ended it, where that was a refusal. */
  refusal: Refusal | undefined
  #open = 2
  #settle: () => void = () => {}

  constructor(client: Duplex, service: Duplex, bounds: TunnelBounds) {
    this.#client = client
    this.#service = service
    this.#bounds = bounds
    this.over = new Promise((resolve) => {
      this.#settle = resolve
    })
    this.#join(client, service, (bytes) => {
      this.toService += bytes
    })
    this.#edges.follow(bounds.firstBytes)
    this.#join(service, client, (bytes, chunk) => {
      this.toClient += bytes
      this.#edges.follow(chunk)
    })
    // Both are as they were left, which is paused where nobody could listen before.
    client.resume()
    service.resume()
    open.add(this)
    sweeping ??= setInterval(sweep, TUNNEL_CHECK_MS).unref()
  }

  /** Ends both sides: what is on its way may arrive. */
  end(): void {
    this.#endingAt ??= performance.now()
    this.#client.end()
    this.#service.end()
  }
  /** Ends both sides, and tells the client by a closing frame where one can be put in. */
  close(reason: string): void {
    const says = this.#endingAt === undefined && this.#edges.atEdge && this.#client.writable
    if (says) this.#client.write(closeFrame(POLICY_VIOLATION, reason))
    this.end()
  }
  refuse(refusal: Refusal): void {
    if (this.#endingAt !== undefined) return
    this.refusal = refusal
    this.close('the configuration has changed')
  }
  /** Looks whether it has lasted too long. */
  check(now: number, date: number): void {
    const { idleMsMax, until } = this.#bounds
    if (this.#endingAt !== undefined) {
      if (now - this.#endingAt < LINGER_MS_MAX) return
      this.#client.destroy()
      this.#service.destroy()
    } else if (date >= until) this.close('the proof of who you are is over')
    else if (now - this.#movedAt > idleMsMax) this.end()
  }

  #join(from: Duplex, to: Duplex, count: (bytes: number, chunk: Buffer) => void): void {
    from.on('data', (chunk: Buffer) => {
      // It has ended: nothing passes any more, and what was written may still leave.
      if (this.#endingAt !== undefined) return
      count(chunk.length, chunk)
      this.#movedAt = performance.now()
      if (!to.write(chunk)) from.pause()
    })
    to.on('drain', () => from.resume())
    from.on('end', () => this.end())
    from.on('error', () => from.destroy())
    from.on('close', () => {
      this.end()
      if (--this.#open > 0) return
      open.delete(this)
      this.#settle()
    })
  }
}

/** All tunnels of this process; one look at all of them, and no timer of their own. */
const open = new Set<Tunnel>()
let sweeping: NodeJS.Timeout | undefined

function sweep(): void {
  const now = performance.now()
  const date = Date.now()
  for (const tunnel of open) tunnel.check(now, date)
  if (open.size > 0) return
  clearInterval(sweeping)
  sweeping = undefined
}

/** How many there are. */
export const openTunnels = (): number => open.size
