export { type LogInOptions, LoginError, logIn, type TokenSet } from './login-flow.ts'
export { part } from './part.ts'
