export * from './limiter.ts'
export * from './permit.ts'
export * from './refusal.ts'
export * from './token.ts'
