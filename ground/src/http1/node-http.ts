/**
 * Node's `http`, for code that many processes load. `import … from 'node:http'` makes Node read every export of it, and one
 * of them (WebSocket) loads a whole client: 30 ms and 14 MB in each process. Types are imported from there as ever.
 */
export const nodeHttp: typeof import('node:http') = process.getBuiltinModule('node:http')
