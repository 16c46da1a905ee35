/** A Llama-shaped model to plan on: names, shapes and bytes as a bfloat16 checkpoint has them. For tests. */
import type { LinearInfo, ModelConfigSummary, TensorInfo } from '../../contract/domain.ts'
import type { PlanModel } from '../estimate.ts'
import { linearTag } from '../tags.ts'

export const DEMO_CONFIG: ModelConfigSummary = {
  architecture: 'LlamaForCausalLM',
  modelType: 'llama',
  layers: 8,
  hiddenSize: 384,
  intermediateSize: 1024,
  heads: 6,
  kvHeads: 2,
  headDim: 64,
  vocabSize: 4096,
  contextLength: 1024,
  tiedEmbeddings: true,
}

export function llamaModel(config: ModelConfigSummary = DEMO_CONFIG): PlanModel {
  const linears: LinearInfo[] = []
  const queries = config.heads * config.headDim
  const keys = config.kvHeads * config.headDim
  const shapes: Record<string, [number, number]> = {
    'self_attn.q_proj': [queries, config.hiddenSize],
    'self_attn.k_proj': [keys, config.hiddenSize],
    'self_attn.v_proj': [keys, config.hiddenSize],
    'self_attn.o_proj': [config.hiddenSize, queries],
    'mlp.gate_proj': [config.intermediateSize, config.hiddenSize],
    'mlp.up_proj': [config.intermediateSize, config.hiddenSize],
    'mlp.down_proj': [config.hiddenSize, config.intermediateSize],
  }
  const tensors: TensorInfo[] = [tensor('model.embed_tokens.weight', [config.vocabSize, config.hiddenSize])]
  for (let block = 0; block < config.layers; block += 1) {
    for (const [tag, shape] of Object.entries(shapes))
      linears.push(linear(`model.layers.${block}.${tag}`, block, shape))
    for (const norm of ['input_layernorm', 'post_attention_layernorm']) {
      tensors.push(tensor(`model.layers.${block}.${norm}.weight`, [config.hiddenSize]))
    }
  }
  tensors.push(tensor('model.norm.weight', [config.hiddenSize]))
  if (!config.tiedEmbeddings) linears.push(linear('lm_head', null, [config.vocabSize, config.hiddenSize]))
  const otherBytes = tensors.reduce((sum, { bytes }) => sum + bytes, 0)
  for (const { name, shape } of linears) tensors.push(tensor(`${name}.weight`, shape))
  return { linears, tensors, otherBytes, summary: { config } }
}

function linear(name: string, block: number | null, shape: [number, number]): LinearInfo {
  const sourceBytes = shape[0] * shape[1] * 2
  return { name, block, tag: linearTag(name), shape, sourceBytes, sourceDtype: 'BF16', quantized: null }
}

function tensor(name: string, shape: number[]): TensorInfo {
  const bytes = shape.reduce((product, size) => product * size, 1) * 2
  return { name, dtype: 'BF16', shape, bytes, file: 'model.safetensors' }
}
