import { describe, expect, it } from 'vitest'
import { withMembers, withoutMember } from './json-text.ts'

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

  it('replaces an object, which is then there once', () => {
    const changed = withMembers('{"q": {"a": 1}, "eps": 1e-05}', { q: { b: 2 } })
    expect(changed.match(/"q"/g)).toHaveLength(1)
    expect(changed).toContain('1e-05')
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

describe('removing a member of a JSON text', () => {
  it.each([
    ['first', '{"q": {"a": [1, "}"]}, "eps": 1e-05}', '{ "eps": 1e-05}'],
    ['in the middle', '{"eps": 1e-05, "q": {"b": "\\"}"}, "big": 12345678901234567890}', undefined],
    ['last', '{\n  "eps": 1e-05,\n  "q": null\n}', '{\n  "eps": 1e-05}'],
    ['alone', '{"q": 1}', '{}'],
    ['missing', '{"eps": 1e-05}', '{"eps": 1e-05}'],
  ])('%s', (_, text, expected = '{"eps": 1e-05, "big": 12345678901234567890}') => {
    expect(withoutMember(text, 'q')).toBe(`${expected}\n`)
  })

  it('writes the object anew when the name occurs in an inner object first', () => {
    expect(JSON.parse(withoutMember('{"inner": {"q": 1}, "q": 2}', 'q'))).toEqual({ inner: { q: 1 } })
  })
})
