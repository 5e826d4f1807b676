/** The payment service, as a part that can run in a process of its own or together with others. */
export { contract } from './contract.ts'
export { part } from './part.ts'
