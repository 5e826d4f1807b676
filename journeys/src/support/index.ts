/** A platform as a test, a long run or a benchmark needs it: started, spoken to and stopped from outside. */
export * from './desk.ts'
export * from './door.ts'
export { askMesh, identityOf } from './mesh.ts'
export * from './platform.ts'
export * from './load.ts'
