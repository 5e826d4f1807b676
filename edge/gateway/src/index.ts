/** The public door: which route, who, how much, whereto. Trusts no header that a client sent. */
export { type Settings, readGatewaySettings } from './config/settings.ts'
export { createGateway, type Gateway } from './gateway.ts'
export { part } from './part.ts'
export type { Judgement, Recorded } from './domain/operator/judge.ts'
export { createJudges, type Judge, type JudgeOptions } from './judging.ts'
