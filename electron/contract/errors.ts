/**
 * The closed list of error codes that cross any boundary, and the one error class that carries them.
 * The codes a native error can have are a subset, kept equal to native/core/error.h by a native test.
 */
import { z } from 'zod'

export const NATIVE_ERROR_CODES = [
  'bad-input',
  'bad-file',
  'bad-weights',
  'unsupported',
  'not-found',
  'busy',
  'cancelled',
  'out-of-memory',
  'disk-full',
  'not-writable',
  'io',
  'device-lost',
  'internal',
] as const

export const ERROR_CODES = [
  ...NATIVE_ERROR_CODES,
  'bad-output',
  'unknown-method',
  'engine-lost',
  'connection-lost',
  'version-mismatch',
  'not-allowed',
  // The Hub: it cannot be reached, or this account may not do that there.
  'network',
  'access-denied',
] as const

export const errorCodeSchema = z.enum(ERROR_CODES)
export type ErrorCode = z.infer<typeof errorCodeSchema>

/** What an error looks like on a wire and in a job record. `message` says cause and next step in plain words. */
export const errorShapeSchema = z.object({
  code: errorCodeSchema,
  message: z.string(),
  data: z.record(z.string(), z.json()).optional(),
})
export type ErrorShape = z.infer<typeof errorShapeSchema>

/** Thrown everywhere in TypeScript; anything else that is thrown becomes `internal` at the edge. */
export class AppError extends Error {
  readonly code: ErrorCode
  readonly data: ErrorShape['data']

  constructor(code: ErrorCode, message: string, data?: ErrorShape['data'], options?: ErrorOptions) {
    super(message, options)
    this.name = 'AppError'
    this.code = code
    this.data = data
  }

  /** The JSON form, for wires and records. */
  toShape(): ErrorShape {
    return this.data === undefined
      ? { code: this.code, message: this.message }
      : { code: this.code, message: this.message, data: this.data }
  }

  static fromShape(shape: ErrorShape): AppError {
    return new AppError(shape.code, shape.message, shape.data)
  }
}

/** Any thrown value as an AppError. An abort becomes `cancelled`; an unknown error becomes `internal` with its message. */
export function toAppError(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown
  if (thrown instanceof Error) {
    if (thrown.name === 'AbortError') return new AppError('cancelled', 'cancelled', undefined, { cause: thrown })
    return new AppError('internal', thrown.message, undefined, { cause: thrown })
  }
  return new AppError('internal', String(thrown))
}
