import { expect, it } from 'vitest'
import { storedFormatOf } from './stored-format.ts'

it('names the program that quantized a model', () => {
  expect(storedFormatOf({ quantization_config: { quant_method: 'gptq', bits: 4 } })).toBe('GPTQ')
  expect(storedFormatOf({ quantization_config: { quant_method: 'compressed-tensors' } })).toBe('compressed-tensors')
  expect(storedFormatOf({ compression_config: {} })).toBe('compressed-tensors')
})

it('names none for plain models, for HQQ and for what it does not know', () => {
  expect(storedFormatOf({})).toBeNull()
  expect(storedFormatOf({ quantization_config: { quant_method: 'hqq' } })).toBeNull()
  expect(storedFormatOf({ quantization_config: 'odd' })).toBeNull()
})
