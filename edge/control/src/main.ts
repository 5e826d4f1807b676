import { run } from '@countersign/service'
import { part } from './part.ts'

await run(part)
