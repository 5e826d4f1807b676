import { CodedError } from '@countersign/ground/errors'
import { isNearby } from '@countersign/ground/store'
import { type Collection, MongoClient, MongoServerError } from 'mongodb'
import type { User } from '../domain/user.ts'
import type { UserStore } from './user-store.ts'

const DUPLICATE_KEY = 11_000
const CONNECTIONS_MAX = 10
const WAIT_MS_MAX = 5_000
const ANSWER_MS_MAX = 10_000
type Document = Omit<User, 'id'> & { _id: string }

/**
 * People as documents in MongoDB. The URL names the database. On another machine TLS is required and its
 * certificate is verified: throws CodedError MONGODB_TLS where the URL says otherwise.
 */
export async function openMongoUserStore(options: { url: string }): Promise<UserStore> {
  const client = new MongoClient(options.url, {
    appName: 'countersign user',
    maxPoolSize: CONNECTIONS_MAX,
    connectTimeoutMS: WAIT_MS_MAX,
    serverSelectionTimeoutMS: WAIT_MS_MAX,
    waitQueueTimeoutMS: WAIT_MS_MAX,
    socketTimeoutMS: ANSWER_MS_MAX,
  })
  checkTls(client)
  const users = client.db().collection<Document>('users')
  try {
    await users.createIndex({ username: 1 }, { unique: true })
    return over(client, users, await prove(client))
  } catch (error) {
    await client.close()
    throw error
  }
}

function over(
  client: MongoClient,
  users: Collection<Document>,
  proof: UserStore['proof'],
): UserStore {
  return {
    proof,
    async insert(user) {
      try {
        await users.insertOne(toDocument(user))
        return 'inserted'
      } catch (error) {
        if (error instanceof MongoServerError && error.code === DUPLICATE_KEY) return 'taken'
        throw error
      }
    },
    async replace(user) {
      const { _id, ...fields } = toDocument(user)
      const before = { _id, version: user.version - 1 }
      return (await users.replaceOne(before, fields)).matchedCount === 1
    },
    byId: async (id) => toUser(await users.findOne({ _id: { $eq: id } })),
    byUsername: async (username) => toUser(await users.findOne({ username: { $eq: username } })),
    async list({ after, limit }) {
      const from = { username: { $gt: after ?? '' } }
      const found = await users.find(from).sort({ username: 1 }).limit(limit).toArray()
      return found.flatMap((document) => toUser(document) ?? [])
    },
    close: () => client.close(),
  }
}

function checkTls({ options }: MongoClient): void {
  if (options.hosts.every(({ host, socketPath }) => isNearby(socketPath ?? host ?? ''))) return
  if (options.tls && options.rejectUnauthorized !== false && !('checkServerIdentity' in options))
    return
  throw new CodedError(
    'MONGODB_TLS',
    'a MongoDB on another machine is used with verified TLS only: add tls=true, and nothing that allows invalid certificates',
  )
}

async function prove(client: MongoClient): Promise<UserStore['proof']> {
  const { version } = await client.db().admin().buildInfo()
  const role = await roleOf(client)
  const [host] = client.options.hosts
  return {
    hop: 'database',
    engine: `MongoDB ${version}`,
    transport: client.options.tls ? 'TLS' : host?.socketPath ? 'unix socket' : 'loopback',
    role,
    database: client.db().databaseName,
  }
}

async function roleOf(client: MongoClient): Promise<string> {
  try {
    const { authInfo } = await client.db().command({ connectionStatus: 1 })
    const [user] = authInfo.authenticatedUsers as { user: string; db: string }[]
    return user === undefined ? 'none' : `${user.user}@${user.db}`
  } catch {
    // Some servers that speak the protocol do not know the command.
    return 'unknown'
  }
}

const toDocument = ({ id, ...fields }: User): Document => ({ _id: id, ...fields })
function toUser(document: Document | null): User | undefined {
  if (document === null) return undefined
  const { _id, ...fields } = document
  return { id: _id, ...fields }
}
