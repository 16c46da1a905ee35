import { describe, expect, it } from 'vitest'
import { withMembers } from './json-text.ts'

describe('changing members of a JSON text', () => {
  it('leaves everything else as it was written', () => {
    const text =
      '{\n  "eps": 1e-05,\n  "torch_dtype": "bfloat16",\n  "theta": 10000.0,\n  "big": 12345678901234567890\n}\n'
    const changed = withMembers(text, { torch_dtype: 'float16', quantization_config: { a: [1] } })
    expect(changed).toBe(
      '{\n  "eps": 1e-05,\n  "torch_dtype": "float16",\n  "theta": 10000.0,\n  "big": 12345678901234567890,\n' +
        '  "quantization_config": {\n    "a": [\n      1\n    ]\n  }\n}\n',
    )
  })

  it('adds what is missing, to an empty object too', () => {
    expect(JSON.parse(withMembers('{}', { a: 'x' }))).toEqual({ a: 'x' })
  })

  it('writes the object anew when the name occurs in an inner object first', () => {
    const text = '{"inner": {"torch_dtype": "float32"}, "torch_dtype": "bfloat16"}'
    expect(JSON.parse(withMembers(text, { torch_dtype: 'float16' }))).toEqual({
      inner: { torch_dtype: 'float32' },
      torch_dtype: 'float16',
    })
  })
})
