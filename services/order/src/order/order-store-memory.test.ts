import { describe } from 'vitest'
import { orderStoreTrial } from './order-store.trial.ts'
import { createMemoryOrderStore } from './order-store-memory.ts'

describe('orders in memory', () => orderStoreTrial(async () => createMemoryOrderStore()))
