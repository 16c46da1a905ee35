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
  const tensors: TensorInfo[] = []
  for (let block = 0; block < config.layers; block += 1) {
    for (const [tag, shape] of Object.entries(shapes))
      linears.push(linear(`model.layers.${block}.${tag}`, block, shape))
    for (const norm of ['input_layernorm', 'post_attention_layernorm']) {
      tensors.push(tensor(`model.layers.${block}.${norm}.weight`, [config.hiddenSize]))
    }
  }
  tensors.push(tensor('model.norm.weight', [config.hiddenSize]))
  linears.push(linear('model.embed_tokens', null, [config.vocabSize, config.hiddenSize]))
  if (!config.tiedEmbeddings) linears.push(linear('lm_head', null, [config.vocabSize, config.hiddenSize]))
  const otherBytes = tensors.reduce((sum, { bytes }) => sum + bytes, 0)
  for (const { name, shape } of linears) tensors.push(tensor(`${name}.weight`, shape))
  return { linears, tensors, otherBytes, summary: { config } }
}

/** The same with four experts in each block in place of the MLP. */
export function mixtralModel(): PlanModel {
  const config: ModelConfigSummary = {
    ...DEMO_CONFIG,
    architecture: 'MixtralForCausalLM',
    modelType: 'mixtral',
    experts: { count: 4, perToken: 2, intermediateSize: 512 },
  }
  const model = llamaModel(config)
  const linears = model.linears.filter(({ tag }) => !tag.startsWith('mlp.'))
  for (let block = 0; block < config.layers; block += 1) {
    const prefix = `model.layers.${block}.block_sparse_moe`
    linears.push(linear(`${prefix}.gate`, block, [4, config.hiddenSize]))
    for (let expert = 0; expert < 4; expert += 1)
      for (const part of ['w1', 'w3', 'w2']) {
        const shape: [number, number] = part === 'w2' ? [config.hiddenSize, 512] : [512, config.hiddenSize]
        linears.push(linear(`${prefix}.experts.${expert}.${part}`, block, shape))
      }
  }
  const others = model.tensors.filter(({ name }) => name.endsWith('norm.weight'))
  return {
    ...model,
    linears,
    tensors: [...others, ...linears.map(({ name, shape }) => tensor(`${name}.weight`, shape))],
  }
}

/** The same with a small vision tower that shows it pictures. */
export function seeingModel(): PlanModel {
  const model = llamaModel()
  const language = model.linears.map((one) => ({ ...one, name: `language_model.${one.name}` }))
  const vision = [0, 1].flatMap((block) =>
    ['q_proj', 'k_proj', 'v_proj', 'out_proj'].map((part) =>
      linear(`vision_tower.vision_model.encoder.layers.${block}.self_attn.${part}`, block, [256, 256]),
    ),
  )
  const linears = [...vision, ...language]
  return { ...model, linears, tensors: linears.map(({ name, shape }) => tensor(`${name}.weight`, shape)) }
}

function linear(name: string, block: number | null, shape: [number, number]): LinearInfo {
  const sourceBytes = shape[0] * shape[1] * 2
  return { name, block, tag: linearTag(name), shape, sourceBytes, sourceDtype: 'BF16', quantized: null }
}

function tensor(name: string, shape: number[]): TensorInfo {
  const bytes = shape.reduce((product, size) => product * size, 1) * 2
  return { name, dtype: 'BF16', shape, bytes, file: 'model.safetensors' }
}
