/** Whether a caller may use an endpoint, and why not. Pure: no file, clock or socket in a decision. */
export * from './decide.ts'
export * from './narrowing.ts'
