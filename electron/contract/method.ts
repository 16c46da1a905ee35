/**
 * The shape of a contract: method name to kind and schemas. Both ends get their types from it, so there is no
 * hand-kept channel list.
 */
import type { z } from 'zod'

/** One question, one answer. */
export interface CallMethod<I extends z.ZodType = z.ZodType, O extends z.ZodType = z.ZodType> {
  readonly kind: 'call'
  readonly input: I
  readonly output: O
}

/** Events while it runs, then one answer. */
export interface StreamMethod<
  I extends z.ZodType = z.ZodType,
  E extends z.ZodType = z.ZodType,
  O extends z.ZodType = z.ZodType,
> {
  readonly kind: 'stream'
  readonly input: I
  readonly event: E
  readonly output: O
  /** Names the events of which only the newest matters (progress, snapshots); a slow connection may skip older ones. */
  latest?(event: z.output<E>): string | null
}

export type Method = CallMethod | StreamMethod
export type Contract = Readonly<Record<string, Method>>

export function call<I extends z.ZodType, O extends z.ZodType>(input: I, output: O): CallMethod<I, O> {
  return { kind: 'call', input, output }
}

export function stream<I extends z.ZodType, E extends z.ZodType, O extends z.ZodType>(
  input: I,
  event: E,
  output: O,
  latest?: (event: z.output<E>) => string | null,
): StreamMethod<I, E, O> {
  return latest ? { kind: 'stream', input, event, output, latest } : { kind: 'stream', input, event, output }
}

export type InputOf<M extends Method> = z.input<M['input']>
export type ParsedInputOf<M extends Method> = z.output<M['input']>
export type OutputOf<M extends Method> = z.output<M['output']>
export type EventOf<M extends Method> = M extends StreamMethod ? z.output<M['event']> : never
