import { setTimeout as sleep } from 'node:timers/promises'
import {
  CreateTableCommand,
  DescribeTableCommand,
  type DynamoDBClient,
  ResourceInUseException,
  ResourceNotFoundException,
} from '@aws-sdk/client-dynamodb'
import { CodedError } from '@countersign/ground/errors'
import { TABLE_LOOK_MS, TABLE_WAIT_MS_MAX } from '../limits.ts'

/** The index that lists payments: by `day`, within it by `at`. */
export const BY_DAY = 'byDay'

/** Makes the table where there is none and waits until it can be used. Several instances may do so at one time. */
export async function ensureTable(client: DynamoDBClient, name: string): Promise<void> {
  const end = performance.now() + TABLE_WAIT_MS_MAX
  let status = await statusOf(client, name)
  if (status === undefined) await create(client, name)
  while (status !== 'ACTIVE') {
    if (performance.now() > end)
      throw new CodedError('DYNAMO_TABLE', `the table ${name} is not there in time (${status})`)
    await sleep(TABLE_LOOK_MS)
    status = await statusOf(client, name)
  }
}

async function statusOf(client: DynamoDBClient, name: string): Promise<string | undefined> {
  try {
    const { Table } = await client.send(new DescribeTableCommand({ TableName: name }))
    return Table?.TableStatus
  } catch (error) {
    if (error instanceof ResourceNotFoundException) return undefined
    throw error
  }
}

async function create(client: DynamoDBClient, name: string): Promise<void> {
  const attribute = (AttributeName: string) => ({ AttributeName, AttributeType: 'S' as const })
  const key = (AttributeName: string, KeyType: 'HASH' | 'RANGE') => ({ AttributeName, KeyType })
  const command = new CreateTableCommand({
    TableName: name,
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: [attribute('id'), attribute('day'), attribute('at')],
    KeySchema: [key('id', 'HASH')],
    GlobalSecondaryIndexes: [
      {
        IndexName: BY_DAY,
        KeySchema: [key('day', 'HASH'), key('at', 'RANGE')],
        Projection: { ProjectionType: 'ALL' },
      },
    ],
  })
  try {
    await client.send(command)
  } catch (error) {
    if (!(error instanceof ResourceInUseException)) throw error
  }
}
