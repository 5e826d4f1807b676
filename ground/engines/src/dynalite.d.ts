declare module 'dynalite' {
  import type { Server } from 'node:http'
  /** Answers DynamoDB's JSON protocol from a LevelDB folder. Closing the server closes the folder. */
  export default function dynalite(options: {
    path: string
    createTableMs?: number
    deleteTableMs?: number
    updateTableMs?: number
  }): Server
}
