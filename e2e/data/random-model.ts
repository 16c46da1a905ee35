/**
 * A Llama model of random weights, made on the spot: large enough that a job on it lasts, whatever the machine. The tokenizer is
 * the demo model's, so it can also be talked to (it says nonsense).
 */
import { closeSync, copyFileSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { DEMO_MODEL } from '../paths.ts'

export interface RandomModelShape {
  layers: number
  hiddenSize: number
  intermediateSize: number
  heads: number
}

const VOCABULARY = 4096
const TOKENIZER_FILES = [
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'generation_config.json',
] as const

/** Writes `dir` and returns it. Weights are bfloat16, about N(0, 0.02), from a fixed seed. */
export function writeRandomModel(dir: string, shape: RandomModelShape): string {
  mkdirSync(dir, { recursive: true })
  for (const name of TOKENIZER_FILES) copyFileSync(join(DEMO_MODEL, name), join(dir, name))
  writeFileSync(join(dir, 'config.json'), JSON.stringify(configOf(shape), null, 2))
  writeSafetensors(join(dir, 'model.safetensors'), tensorsOf(shape))
  return dir
}

function configOf({ layers, hiddenSize, intermediateSize, heads }: RandomModelShape): object {
  return {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    hidden_size: hiddenSize,
    intermediate_size: intermediateSize,
    num_hidden_layers: layers,
    num_attention_heads: heads,
    num_key_value_heads: heads,
    max_position_embeddings: 1024,
    vocab_size: VOCABULARY,
    rms_norm_eps: 1e-5,
    rope_theta: 10000,
    hidden_act: 'silu',
    tie_word_embeddings: true,
    torch_dtype: 'bfloat16',
    bos_token_id: 1,
    eos_token_id: 2,
  }
}

function tensorsOf({ layers, hiddenSize, intermediateSize }: RandomModelShape): Map<string, number[]> {
  const tensors = new Map<string, number[]>([
    ['model.embed_tokens.weight', [VOCABULARY, hiddenSize]],
    ['model.norm.weight', [hiddenSize]],
  ])
  for (let layer = 0; layer < layers; layer++) {
    const block = `model.layers.${layer}`
    for (const name of ['q_proj', 'k_proj', 'v_proj', 'o_proj']) {
      tensors.set(`${block}.self_attn.${name}.weight`, [hiddenSize, hiddenSize])
    }
    tensors.set(`${block}.mlp.gate_proj.weight`, [intermediateSize, hiddenSize])
    tensors.set(`${block}.mlp.up_proj.weight`, [intermediateSize, hiddenSize])
    tensors.set(`${block}.mlp.down_proj.weight`, [hiddenSize, intermediateSize])
    tensors.set(`${block}.input_layernorm.weight`, [hiddenSize])
    tensors.set(`${block}.post_attention_layernorm.weight`, [hiddenSize])
  }
  return tensors
}

function writeSafetensors(path: string, tensors: ReadonlyMap<string, readonly number[]>): void {
  const header: Record<string, unknown> = { __metadata__: { format: 'pt' } }
  let offset = 0
  for (const [name, shape] of tensors) {
    const bytes = 2 * shape.reduce((product, size) => product * size, 1)
    header[name] = { dtype: 'BF16', shape, data_offsets: [offset, offset + bytes] }
    offset += bytes
  }
  const text = JSON.stringify(header)
  const head = Buffer.from(text.padEnd(Math.ceil(text.length / 8) * 8))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(head.length))
  const file = openSync(path, 'w')
  writeSync(file, length)
  writeSync(file, head)
  const chunk = randomWeights(1 << 20)
  for (let written = 0; written < offset; written += chunk.length) {
    writeSync(file, chunk.subarray(0, Math.min(chunk.length, offset - written)))
  }
  closeSync(file)
}

/** `bytes` of bfloat16 values, sums of four uniform ones; the same each time. */
function randomWeights(bytes: number): Buffer {
  const float = new Float32Array(1)
  const bits = new Uint32Array(float.buffer)
  const values = new Uint16Array(bytes / 2)
  let state = 0x9e3779b9
  function uniform(): number {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32 - 0.5
  }
  for (let index = 0; index < values.length; index++) {
    float[0] = 0.035 * (uniform() + uniform() + uniform() + uniform())
    values[index] = (bits[0] ?? 0) >>> 16
  }
  return Buffer.from(values.buffer)
}
