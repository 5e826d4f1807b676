import { connect, type Socket } from 'node:net'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { CodedError } from '@countersign/ground/errors'
import { nodeHttp } from '@countersign/ground/http1'
import { isNearby } from '@countersign/ground/store'
import { NodeHttpHandler } from '@smithy/node-http-handler'
import {
  DYNAMO_ANSWER_MS_MAX,
  DYNAMO_CONNECT_MS_MAX,
  DYNAMO_CONNECTIONS_MAX,
  DYNAMO_TRIES_MAX,
} from '../limits.ts'

/** Where DynamoDB is: a unix socket, an endpoint of one's own, or AWS in a region. */
export interface DynamoOptions {
  readonly socketPath?: string | undefined
  /** `https://…` anywhere, `http://…` on this machine. */
  readonly endpoint?: string | undefined
  readonly region?: string | undefined
}

/** Throws CodedError DYNAMO_TLS for an endpoint on another machine without TLS. */
export function connectDynamo(options: DynamoOptions): {
  client: DynamoDBClient
  /** For the audit event. */
  transport: string
} {
  const { transport, nearby, endpoint } = place(options)
  const agent = { keepAlive: true, maxSockets: DYNAMO_CONNECTIONS_MAX }
  const { socketPath } = options
  const client = new DynamoDBClient({
    maxAttempts: DYNAMO_TRIES_MAX,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(options.region === undefined ? {} : { region: options.region }),
    // What is on this machine is guarded by its socket or port; AWS asks for real credentials (default chain).
    ...(nearby ? { region: options.region ?? 'local', credentials: NEARBY } : {}),
    requestHandler: new NodeHttpHandler({
      connectionTimeout: DYNAMO_CONNECT_MS_MAX,
      requestTimeout: DYNAMO_ANSWER_MS_MAX,
      throwOnRequestTimeout: true,
      httpAgent: socketPath === undefined ? agent : new SocketAgent(socketPath, agent),
      httpsAgent: agent,
    }),
  })
  return { client, transport }
}

const NEARBY = { accessKeyId: 'nearby', secretAccessKey: 'nearby' }

function place({ socketPath, endpoint }: DynamoOptions): {
  transport: string
  nearby: boolean
  endpoint?: string
} {
  if (socketPath !== undefined)
    return { transport: 'unix socket', nearby: true, endpoint: 'http://localhost' }
  if (endpoint === undefined) return { transport: 'TLS', nearby: false }
  const url = new URL(endpoint)
  if (url.protocol === 'https:')
    return { transport: 'TLS', nearby: isNearby(url.hostname), endpoint }
  if (isNearby(url.hostname)) return { transport: 'loopback', nearby: true, endpoint }
  throw new CodedError(
    'DYNAMO_TLS',
    'a DynamoDB on another machine is used with TLS only: https://',
  )
}

/** Connects to a unix socket whatever host the request names. */
class SocketAgent extends nodeHttp.Agent {
  readonly #path: string
  constructor(path: string, options: { keepAlive: boolean; maxSockets: number }) {
    super(options)
    this.#path = path
  }
  override createConnection(): Socket {
    return connect(this.#path)
  }
}
