import { spawn } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { request } from 'node:http'
import { createConnection } from 'node:net'
import { dirname, join } from 'node:path'
import { temporaryFolder, until } from '@countersign/ground/testkit'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { testLog } from '../testlog.ts'
import { type Dynamo, startDynamo } from './start.ts'

const { log } = testLog()
const temporary = temporaryFolder()
const folder = join(temporary.path, 'dynamo')
const socketPath = join(temporary.path, 'run', 'dynamo.sock')
let dynamo: Dynamo

beforeAll(async () => {
  dynamo = await startDynamo({ folder, socketPath, log })
})
afterAll(async () => {
  await dynamo.stop()
  temporary[Symbol.dispose]()
})

function call(action: string, body: unknown): Promise<{ status: number; body: any }> {
  const headers = {
    'content-type': 'application/x-amz-json-1.0',
    'x-amz-target': `DynamoDB_20120810.${action}`,
    'x-amz-date': '20260101T000000Z',
    authorization: 'AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=0',
  }
  return new Promise((resolve, reject) => {
    const asked = request(
      { socketPath: dynamo.socketPath, method: 'POST', headers },
      (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (part) => {
          text += part
        })
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) }),
        )
      },
    )
    asked.once('error', reject).end(JSON.stringify(body))
  })
}
const payment = (id: string, version = 1): Record<string, unknown> => ({
  id: { S: id },
  version: { N: String(version) },
})
const get = async (id: string): Promise<any> =>
  (await call('GetItem', { TableName: 'payments', Key: { id: { S: id } } })).body.Item

test('keeps items, and refuses a write whose condition does not hold', async () => {
  const made = await call('CreateTable', {
    TableName: 'payments',
    AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
    KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
    BillingMode: 'PAY_PER_REQUEST',
  })
  expect(made.status).toBe(200)
  await until(
    async () =>
      (await call('DescribeTable', { TableName: 'payments' })).body.Table.TableStatus === 'ACTIVE',
    'the table is active',
  )
  const put = { TableName: 'payments', Item: payment('p1') }
  const once = { ...put, ConditionExpression: 'attribute_not_exists(id)' }
  expect((await call('PutItem', once)).status).toBe(200)
  const again = await call('PutItem', once)
  expect(again.status).toBe(400)
  expect(again.body.__type).toContain('ConditionalCheckFailedException')
  expect(await get('p1')).toEqual(payment('p1'))
})

test('lets nobody else in', () => {
  expect(statSync(folder).mode & 0o077).toBe(0)
  expect(statSync(dirname(dynamo.socketPath)).mode & 0o077).toBe(0)
  expect(statSync(dynamo.socketPath).mode & 0o077).toBe(0)
  expect(readFileSync(`/proc/${dynamo.pid}/environ`, 'utf8')).not.toContain('HOME=')
})

test('a client that goes away in the middle of a body ends nothing', async () => {
  const socket = createConnection(dynamo.socketPath)
  await new Promise((resolve) => socket.once('connect', resolve))
  socket.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{"half"')
  await new Promise((resolve) => setTimeout(resolve, 50))
  socket.destroy()
  await new Promise((resolve) => setTimeout(resolve, 100))
  expect(await get('p1')).toEqual(payment('p1'))
})

test('written items survive a crash and a stop', async () => {
  await call('PutItem', { TableName: 'payments', Item: payment('p2') })
  process.kill(dynamo.pid ?? 0, 'SIGKILL')
  await dynamo.exited
  dynamo = await startDynamo({ folder, socketPath, log })
  expect(await get('p2')).toEqual(payment('p2'))
  await dynamo.stop()
  expect(existsSync(`/proc/${dynamo.pid}/cwd`)).toBe(false)
  dynamo = await startDynamo({ folder, socketPath, log })
  expect(await get('p1')).toEqual(payment('p1'))
})

test('a second start takes the folder over from the first', async () => {
  const old = dynamo
  dynamo = await startDynamo({ folder, socketPath, log })
  await old.exited
  expect(await get('p1')).toEqual(payment('p1'))
})

test('ends by itself when its supervisor is killed', async () => {
  await dynamo.stop()
  const program = `
    import { createLog } from '@countersign/ground/telemetry'
    import { startDynamo } from '${new URL('./start.ts', import.meta.url).pathname}'
    const log = createLog({ service: 's', node: 's', level: 'silent' })
    const options = ${JSON.stringify({ folder, socketPath })}
    const engine = await startDynamo({ ...options, log })
    console.log(engine.pid)
    setInterval(() => {}, 1000)`
  const flags = ['--conditions=countersign:source', '--input-type=module', '-e', program]
  const supervisor = spawn(process.execPath, flags, { cwd: import.meta.dirname })
  const pid = await new Promise<number>((resolve, reject) => {
    supervisor.stdout.once('data', (data) => resolve(Number(String(data))))
    supervisor.stderr.once('data', (data) => reject(new Error(String(data))))
  })
  supervisor.kill('SIGKILL')
  await until(() => !existsSync(`/proc/${pid}/cwd`), 'the orphan is gone', 5_000)
  dynamo = await startDynamo({ folder, socketPath, log })
  expect(await get('p1')).toEqual(payment('p1'))
})

test('says where its log is when the data cannot be opened', async () => {
  using other = temporaryFolder()
  const { writeFileSync } = await import('node:fs')
  writeFileSync(join(other.path, 'data'), 'not a folder')
  const wish = { folder: other.path, socketPath: join(other.path, 'run', 'd.sock'), log }
  await expect(startDynamo(wish)).rejects.toThrow(/dynalite does not start in/)
})
