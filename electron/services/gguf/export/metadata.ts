/** Metadata of a GGUF file as the engine writes it: key, type, value. */

import type { EngineContract } from '../../../contract/engine.ts'
import type { InputOf } from '../../../contract/method.ts'

export type GgufEntry = InputOf<EngineContract['model.exportGguf']>['metadata'][number]
export type GgufFactors = InputOf<EngineContract['model.exportGguf']>['factors'][number]

export const u32 = (key: string, value: number): GgufEntry => ({ key, type: 'u32', value })
export const f32 = (key: string, value: number): GgufEntry => ({ key, type: 'f32', value })
export const flag = (key: string, value: boolean): GgufEntry => ({ key, type: 'bool', value })
export const text = (key: string, value: string): GgufEntry => ({ key, type: 'text', value })
export const texts = (key: string, value: string[]): GgufEntry => ({ key, type: 'text[]', value })
export const i32s = (key: string, value: number[]): GgufEntry => ({ key, type: 'i32[]', value })
export const f32s = (key: string, value: number[]): GgufEntry => ({ key, type: 'f32[]', value })
