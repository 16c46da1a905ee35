/** What travels on a wire: requests and cancels one way; events and exactly one final answer the other. */
import { z } from 'zod'
import { errorShapeSchema } from '../contract/errors.ts'

/** Unique among the requests running on one wire; the client counts up. */
const idSchema = z.number().int().positive()

export const requestSchema = z.object({
  type: z.literal('req'),
  id: idSchema,
  method: z.string(),
  input: z.unknown(),
})
export const cancelSchema = z.object({ type: z.literal('cancel'), id: idSchema })
export const clientMessageSchema = z.discriminatedUnion('type', [requestSchema, cancelSchema])
export type ClientMessage = z.infer<typeof clientMessageSchema>
export type Request = z.infer<typeof requestSchema>

export const serverMessageSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('event'), id: idSchema, value: z.unknown() }),
  z.object({ type: z.literal('ok'), id: idSchema, value: z.unknown() }),
  z.object({ type: z.literal('err'), id: idSchema, error: errorShapeSchema }),
])
export type ServerMessage = z.infer<typeof serverMessageSchema>
