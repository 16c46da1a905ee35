import { describe, expect, it } from 'vitest'
import type { QuantSpec } from '../contract/quant.ts'
import { quantSpec } from './choices.ts'
import { portabilityOf } from './portability.ts'

function tableOf(spec: QuantSpec, architecture = 'LlamaForCausalLM', name = 'model.layers.0.mlp.up_proj') {
  const head = { name: 'lm_head', shape: [1000, 256] as const, spec: null }
  const found = portabilityOf({ architecture, storedFormat: null, layers: [{ name, shape: [512, 256], spec }, head] })
  return new Map(found.map((row) => [row.program, row]))
}

describe('portabilityOf', () => {
  it('knows the one shape that vLLM reads as it is', () => {
    const found = tableOf(quantSpec(4, 64))
    expect(found.get('vLLM, SGLang')).toMatchObject({ ok: true, convertTo: null })
    expect(found.get('Python hqq')?.ok).toBe(true)
    expect(found.get('transformers 4.57')?.ok).toBe(true)
    expect(found.get('transformers 5')).toMatchObject({ ok: false, nearest: null })
  })

  it('names the conversion and what it costs where servers read another format', () => {
    expect(tableOf(quantSpec(4, 128)).get('vLLM, SGLang')).toMatchObject({ ok: true, convertTo: 'compressed-tensors' })
    const exact = tableOf(quantSpec(4, 128, { method: 'rtn', roundZero: true })).get('vLLM, SGLang')
    expect(exact?.reason).toContain('exact')
  })

  it('names the nearest configuration that would load', () => {
    expect(tableOf(quantSpec(2, 16)).get('vLLM, SGLang')).toMatchObject({ ok: false, nearest: '4-bit g32' })
    expect(tableOf(quantSpec(4, 64, { axis: 0 })).get('vLLM, SGLang')).toMatchObject({
      ok: false,
      nearest: '4-bit g64',
    })
    expect(tableOf(quantSpec(5, 64)).get('Python hqq')).toMatchObject({ ok: false, nearest: '4-bit g64' })
    expect(tableOf(quantSpec(3, 64)).get('llama.cpp, Ollama, LM Studio')).toMatchObject({
      ok: false,
      nearest: '4-bit g32',
    })
  })

  it('has a reason for an embedding and for an unknown architecture', () => {
    const embedding = tableOf(quantSpec(4, 64), 'LlamaForCausalLM', 'model.embed_tokens')
    expect(embedding.get('Python hqq')?.reason).toContain('embeddings')
    expect(tableOf(quantSpec(4, 32), 'StrangeForCausalLM').get('llama.cpp, Ollama, LM Studio')?.nearest).toBeNull()
  })

  it('knows that only hqq reads a qmodel.pt as it is', () => {
    const layers = [{ name: 'model.layers.0.mlp.up_proj', shape: [512, 256] as const, spec: quantSpec(4, 64) }]
    const found = portabilityOf({ architecture: 'LlamaForCausalLM', storedFormat: 'qmodel.pt', layers })
    const asItIs = found.filter(({ ok, convertTo }) => ok && convertTo === null).map(({ program }) => program)
    expect(asItIs).toEqual(['HQQ Studio', 'Python hqq'])
    expect(found.find(({ program }) => program === 'transformers 4.57')?.nearest).toBe('convert --to hqq-safetensors')
  })

  it('lets models of other programs load where they came from', () => {
    const found = portabilityOf({ architecture: 'LlamaForCausalLM', storedFormat: 'GPTQ', layers: [] })
    expect(found.filter(({ ok }) => ok).map(({ program }) => program)).toContain('vLLM, SGLang')
  })
})
