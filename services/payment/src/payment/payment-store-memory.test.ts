import { describe } from 'vitest'
import { paymentStoreTrial } from './payment-store.trial.ts'
import { createMemoryPaymentStore } from './payment-store-memory.ts'

describe('payments in memory', () => paymentStoreTrial(async () => createMemoryPaymentStore()))
