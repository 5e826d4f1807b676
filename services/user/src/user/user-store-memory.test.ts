import { describe } from 'vitest'
import { userStoreTrial } from './user-store.trial.ts'
import { createMemoryUserStore } from './user-store-memory.ts'

describe('people in memory', () => userStoreTrial(async () => createMemoryUserStore()))
