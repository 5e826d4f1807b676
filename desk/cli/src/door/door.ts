import { readFile } from 'node:fs/promises'
import type { TLSSocket } from 'node:tls'
import { Agent, buildConnector, fetch as undiciFetch } from 'undici'
import { DeskError, systemCode } from '../errors.ts'
import { DOOR_BODY_BYTES_MAX, DOOR_MS_MAX } from '../limits.ts'

/** What TLS proved of a connection to the public door. */
export interface DoorConnection {
  readonly protocol: string
  readonly cipher: string
  /** The names in the certificate that the door showed, and who signed it. */
  readonly peer: string
  readonly issuer: string
  readonly localPort: number
  readonly remotePort: number
}
/** The public door, as a client outside meets it. */
export interface Door {
  readonly url: string
  fetch(url: string, init?: DoorRequest): Promise<Response>
  /** Connections made so far, in order. */
  readonly connections: readonly DoorConnection[]
  close(): Promise<void>
}
interface DoorRequest {
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly body?: string
  readonly redirect?: 'manual'
}

/** Opens a way to the public door that trusts the platform's own roots and nobody else. */
export async function openDoor(options: { url: string; bundle: string }): Promise<Door> {
  const ca = await readFile(options.bundle, 'utf8')
  const connections: DoorConnection[] = []
  // A resumed session shows no certificate, and what was shown is what we report.
  const connector = buildConnector({ ca, timeout: DOOR_MS_MAX, maxCachedSessions: 0 })
  const agent = new Agent({
    headersTimeout: DOOR_MS_MAX,
    bodyTimeout: DOOR_MS_MAX,
    maxResponseSize: DOOR_BODY_BYTES_MAX,
    connect: (wanted, done) =>
      connector(wanted, (...result) => {
        const [error, socket] = result
        if (error === null && socket !== null) connections.push(factsOf(socket as TLSSocket))
        done(...result)
      }),
  })
  return {
    url: options.url,
    connections,
    fetch: async (url, init = {}) => {
      try {
        // The same interface: undici's types and Node's differ in name only.
        const response: unknown = await undiciFetch(url, {
          redirect: 'manual',
          ...init,
          dispatcher: agent,
        })
        return response as Response
      } catch (error) {
        throw unreachable(options.url, error)
      }
    },
    close: () => agent.close(),
  }
}

function factsOf(socket: TLSSocket): DoorConnection {
  const certificate = socket.getPeerX509Certificate()
  return {
    protocol: socket.getProtocol() ?? 'unknown',
    cipher: socket.getCipher().name,
    peer: certificate?.subjectAltName ?? 'unknown',
    issuer: certificate?.issuer.replaceAll('\n', ', ') ?? 'unknown',
    localPort: socket.localPort ?? 0,
    remotePort: socket.remotePort ?? 0,
  }
}

function unreachable(url: string, error: unknown): DeskError {
  const cause = error instanceof Error ? (error.cause ?? error) : error
  const why = systemCode(cause) ?? (cause instanceof Error ? cause.message : String(cause))
  return new DeskError('FAILED', `the public door ${url} cannot be reached (${why})`, {
    cause: error,
  })
}
