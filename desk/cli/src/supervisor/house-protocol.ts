import { z } from 'zod'

const instance = z.string()
/** What the supervisor asks of the process in which all parts run. */
export const houseOrderSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('start'),
    instance,
    module: z.string(),
    env: z.record(z.string(), z.string().optional()),
  }),
  z.object({ type: z.literal('stop'), instance }),
  /** All of them will be stopped. */
  z.object({ type: z.literal('everything-ends') }),
])
export type HouseOrder = z.infer<typeof houseOrderSchema>

export const houseAnswerSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('ready'), instance }),
  z.object({ type: z.literal('failed'), instance, message: z.string() }),
  z.object({ type: z.literal('ended'), instance, code: z.int() }),
])
export type HouseAnswer = z.infer<typeof houseAnswerSchema>
