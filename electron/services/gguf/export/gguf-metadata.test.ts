/** What a GGUF file says of configuration and tokenizer. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { DEMO_MODEL, HAS_SMOLLM2, HAS_STORIES, SMOLLM2_MODEL, STORIES_MODEL } from '../../../tokenizer/testing.ts'
import { readTokenizerFiles } from '../../../tokenizer/tokenizer-files.ts'
import { parseModelConfig, type RawConfig } from '../../model-config.ts'
import { configMetadata } from './config-metadata.ts'
import type { GgufEntry } from './metadata.ts'
import { tokenizerMetadata } from './tokenizer-metadata.ts'

function demoConfig(changes: RawConfig = {}): RawConfig {
  return { ...JSON.parse(readFileSync(join(DEMO_MODEL, 'config.json'), 'utf8')), ...changes }
}

function convert(raw: RawConfig) {
  const { summary } = parseModelConfig(raw, 'config.json')
  if (summary === null) throw new Error('no summary')
  const { architecture, metadata, factors } = configMetadata(raw, summary)
  return { architecture, values: byKey(metadata), factors }
}

const byKey = (entries: readonly GgufEntry[]) => Object.fromEntries(entries.map(({ key, value }) => [key, value]))

describe('the configuration', () => {
  it('has the sizes and the rotation of the demo model', () => {
    const { architecture, values, factors } = convert(demoConfig())
    expect(architecture).toBe('llama')
    expect(factors).toEqual([])
    expect(values).toMatchObject({
      'general.architecture': 'llama',
      'llama.block_count': 8,
      'llama.embedding_length': 384,
      'llama.attention.head_count': 6,
      'llama.attention.head_count_kv': 2,
      'llama.attention.key_length': 64,
      'llama.attention.layer_norm_rms_epsilon': 1e-5,
      'llama.rope.freq_base': 10_000,
      'llama.rope.dimension_count': 64,
      'llama.vocab_size': 4096,
    })
  })

  it('turns the scaling of Llama 3 into factors, from 1 for the fast frequencies to 8 for the slow ones', () => {
    const rope_scaling = { rope_type: 'llama3', factor: 8, low_freq_factor: 1, high_freq_factor: 4 }
    const trained = { original_max_position_embeddings: 8192 }
    const { factors } = convert(demoConfig({ rope_theta: 500_000, rope_scaling: { ...rope_scaling, ...trained } }))
    const [{ name, values } = { name: '', values: [] as number[] }] = factors
    expect(name).toBe('rope_freqs.weight')
    expect(values).toHaveLength(32)
    expect(values[0]).toBe(1)
    expect(values[31]).toBe(8)
    expect(values.every((value, at) => at === 0 || value >= (values[at - 1] ?? 0))).toBe(true)
    expect(values.some((value) => value > 1 && value < 8)).toBe(true)
  })

  it('writes linear scaling, and cuts the context of a windowed Mistral to the window', () => {
    const { values } = convert(demoConfig({ rope_scaling: { type: 'linear', factor: 2 } }))
    expect(values).toMatchObject({ 'llama.rope.scaling.type': 'linear', 'llama.rope.scaling.factor': 2 })
    const mistral = { architectures: ['MistralForCausalLM'], sliding_window: 256 }
    expect(convert(demoConfig(mistral)).values['llama.context_length']).toBe(256)
  })

  it.each([
    ['an architecture of other names', { architectures: ['MixtralForCausalLM'], num_local_experts: 4 }],
    ['dynamic scaling', { rope_scaling: { type: 'dynamic', factor: 2 } }],
    ['another activation', { hidden_act: 'relu' }],
    [
      'another scale of scores',
      { architectures: ['Gemma2ForCausalLM'], hidden_act: 'gelu_pytorch_tanh', query_pre_attn_scalar: 99 },
    ],
  ])('refuses %s', (_, changes) => {
    expect(() => convert(demoConfig(changes))).toThrow(expect.objectContaining({ code: 'unsupported' }))
  })
})

describe('the tokenizer', () => {
  it('of the demo model is byte-level BPE, with its ids, types and template', () => {
    const files = readTokenizerFiles(DEMO_MODEL)
    const values = byKey(tokenizerMetadata(files, 4098, [2, 6]))
    expect(values).toMatchObject({
      'tokenizer.ggml.model': 'gpt2',
      'tokenizer.ggml.pre': 'gpt-2',
      'tokenizer.ggml.bos_token_id': 1,
      'tokenizer.ggml.eos_token_id': 2,
      'tokenizer.ggml.eot_token_id': 6,
      'tokenizer.ggml.padding_token_id': 0,
      'tokenizer.ggml.add_bos_token': true,
      'tokenizer.ggml.add_eos_token': false,
      'tokenizer.chat_template': files.chatTemplate,
    })
    const tokens = values['tokenizer.ggml.tokens'] as string[]
    const types = values['tokenizer.ggml.token_type'] as number[]
    expect(tokens).toHaveLength(4098)
    expect(tokens.slice(0, 3)).toEqual(['<|pad|>', '<|bos|>', '<|endoftext|>'])
    expect(types.slice(0, 3)).toEqual([3, 3, 3])
    expect([tokens[4097], types[4097]]).toEqual(['[PAD4097]', 5])
    expect((values['tokenizer.ggml.merges'] as string[])[0]).toBe('Ġ t')
  })

  it('must not have more tokens than the model has rows, nor cut words in a way without a name', () => {
    const files = readTokenizerFiles(DEMO_MODEL)
    expect(() => tokenizerMetadata(files, 4000, null)).toThrow(expect.objectContaining({ code: 'bad-file' }))
    const pattern = { type: 'Split', pattern: { Regex: 'x' }, behavior: 'Isolated', invert: false }
    const pretokenizers = [pattern, { type: 'ByteLevel', use_regex: false }]
    const odd = { ...files, tokenizer: { ...files.tokenizer, pre_tokenizer: { type: 'Sequence', pretokenizers } } }
    expect(() => tokenizerMetadata(odd, 4096, null)).toThrow(expect.objectContaining({ code: 'unsupported' }))
    const unigram = { ...files, tokenizer: { ...files.tokenizer, model: { type: 'Unigram' } } }
    expect(() => tokenizerMetadata(unigram, 4096, null)).toThrow(expect.objectContaining({ code: 'unsupported' }))
  })

  it.skipIf(!HAS_STORIES)('with byte fallback gets scores in the order of its merges', () => {
    const files = readTokenizerFiles(STORIES_MODEL)
    const values = byKey(tokenizerMetadata(files, 512, null))
    expect(values['tokenizer.ggml.model']).toBe('llama')
    const tokens = values['tokenizer.ggml.tokens'] as string[]
    const types = values['tokenizer.ggml.token_type'] as number[]
    const scores = values['tokenizer.ggml.scores'] as number[]
    expect(types[tokens.indexOf('<0x0A>')]).toBe(6)
    const merges = files.tokenizer.model.merges as (string | [string, string])[]
    const made = (at: number) => [merges[at]].flat().join('').replace(' ', '')
    expect(scores[tokens.indexOf(made(0))]).toBeGreaterThan(scores[tokens.indexOf(made(5))] ?? 0)
  })

  it.skipIf(!HAS_SMOLLM2)('of SmolLM2 splits digits, by the name that has at llama.cpp', () => {
    const values = byKey(tokenizerMetadata(readTokenizerFiles(SMOLLM2_MODEL), 49_152, null))
    expect(values).toMatchObject({
      'tokenizer.ggml.model': 'gpt2',
      'tokenizer.ggml.pre': 'smollm',
      'tokenizer.ggml.add_bos_token': false,
    })
  })
})
