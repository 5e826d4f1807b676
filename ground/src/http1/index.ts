/** What HTTP/1.1 and the lines around it look like on the wire. */
export * from './canonical-path.ts'
export * from './ip-address.ts'
export * from './proxy-v2.ts'
