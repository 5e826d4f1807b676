/** The audit log: what happened, in an order nobody can change. */
export { part } from './part.ts'
export { readLogFolder } from './log/tile-folder.ts'
export { type Fault, type LogVerdict, verifyLog } from './verify/verify-log.ts'
