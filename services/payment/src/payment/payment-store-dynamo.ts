import { isDeepStrictEqual } from 'node:util'
import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb'
import { DynamoDBDocumentClient, GetCommand, PutCommand, QueryCommand } from '@aws-sdk/lib-dynamodb'
import type { Payment } from '../domain/payment.ts'
import { connectDynamo, type DynamoOptions } from './dynamo-client.ts'
import { BY_DAY, ensureTable } from './dynamo-table.ts'
import type { PaymentStore } from './payment-store.ts'

/** A payment as it lies in the table; `day` and `at` are the key of the index `byDay`. */
type Item = Payment & { readonly day: string; readonly at: string }
const toItem = (payment: Payment): Item => ({ ...payment, ...keyOf(payment) })
const keyOf = ({ id, createdAt }: Payment) => ({
  day: createdAt.slice(0, 10),
  at: `${createdAt}#${id}`,
})
function toPayment(item: Record<string, unknown> | undefined): Payment | undefined {
  if (item === undefined) return undefined
  const { day: _day, at: _at, ...payment } = item as unknown as Item
  return payment
}

/** Payments in DynamoDB. Makes the table where there is none. */
export async function openDynamoPaymentStore(
  options: DynamoOptions & { table: string },
): Promise<PaymentStore> {
  const { client, transport } = connectDynamo(options)
  try {
    await ensureTable(client, options.table)
  } catch (error) {
    client.destroy()
    throw error
  }
  const documents = DynamoDBDocumentClient.from(client)
  return {
    proof: { hop: 'database', engine: 'DynamoDB', transport, table: options.table },
    ...over(documents, options.table),
    async close() {
      client.destroy()
    },
  }
}

type Access = Omit<PaymentStore, 'proof' | 'close'>

function over(documents: DynamoDBDocumentClient, TableName: string): Access {
  async function byId(id: string): Promise<Payment | undefined> {
    const get = new GetCommand({ TableName, Key: { id }, ConsistentRead: true })
    return toPayment((await documents.send(get)).Item)
  }
  /** Whether the condition held. */
  async function put(command: PutCommand): Promise<boolean> {
    try {
      await documents.send(command)
      return true
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return false
      throw error
    }
  }
  return {
    byId,
    async claim(payment) {
      const Item = toItem(payment)
      const ConditionExpression = 'attribute_not_exists(id)'
      if (await put(new PutCommand({ TableName, Item, ConditionExpression }))) return undefined
      const found = await byId(payment.id)
      // The SDK sends again what got no answer: then the claim that is in the way is this one.
      return isDeepStrictEqual(found, payment) ? undefined : found
    },
    async replace(payment) {
      const condition = {
        ConditionExpression: '#version = :before',
        ExpressionAttributeNames: { '#version': 'version' },
        ExpressionAttributeValues: { ':before': payment.version - 1 },
      }
      return put(new PutCommand({ TableName, Item: toItem(payment), ...condition }))
    },
    async list({ day, limit, after }) {
      const last = after === undefined ? undefined : await byId(after)
      if (after !== undefined && last?.createdAt.slice(0, 10) !== day) return []
      const query = new QueryCommand({
        TableName,
        IndexName: BY_DAY,
        KeyConditionExpression: '#day = :day',
        ExpressionAttributeNames: { '#day': 'day' },
        ExpressionAttributeValues: { ':day': day },
        ScanIndexForward: false,
        Limit: limit,
        ...(last === undefined ? {} : { ExclusiveStartKey: { id: last.id, ...keyOf(last) } }),
      })
      const { Items = [] } = await documents.send(query)
      return Items.flatMap((item) => toPayment(item) ?? [])
    },
  }
}
