/** The bundled model as a GGUF file, as llama.cpp's converter would write it: same numbers, other names, other order of rows. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'

const NAMES: readonly (readonly [RegExp, string])[] = [
  [/^model\.embed_tokens\.weight$/, 'token_embd.weight'],
  [/^model\.norm\.weight$/, 'output_norm.weight'],
  [/\.input_layernorm\./, '.attn_norm.'],
  [/\.post_attention_layernorm\./, '.ffn_norm.'],
  [/\.self_attn\.([qkv])_proj\./, '.attn_$1.'],
  [/\.self_attn\.o_proj\./, '.attn_output.'],
  [/\.mlp\.(gate|up|down)_proj\./, '.ffn_$1.'],
  [/^model\.layers\./, 'blk.'],
]
const TYPES: Readonly<Record<string, number>> = { F32: 0, F16: 1, BF16: 30 }
const [UINT32, FLOAT32, BOOL, STRING, ARRAY, INT32] = [4, 6, 7, 8, 9, 5]
const ALIGNMENT = 32

const headerSchema = z.record(
  z.string(),
  z.object({ dtype: z.string(), shape: z.array(z.number()), data_offsets: z.tuple([z.number(), z.number()]) }),
)
const configSchema = z.object({
  hidden_size: z.number(),
  intermediate_size: z.number(),
  num_hidden_layers: z.number(),
  num_attention_heads: z.number(),
  num_key_value_heads: z.number(),
  max_position_embeddings: z.number(),
  rms_norm_eps: z.number(),
  rope_theta: z.number(),
})
const tokenizerSchema = z.object({
  added_tokens: z.array(z.object({ id: z.number(), special: z.boolean() })),
  model: z.object({ vocab: z.record(z.string(), z.number()), merges: z.array(z.tuple([z.string(), z.string()])) }),
})

/** `demoDir`: the folder of the demo model. */
export function writeDemoGguf(demoDir: string, path: string): void {
  const read = (name: string) => JSON.parse(readFileSync(join(demoDir, name), 'utf8')) as unknown
  const config = configSchema.parse(read('config.json'))
  const metadata = [...metadataOf(config), ...vocabularyOf(tokenizerSchema.parse(read('tokenizer.json')))]
  const template = z.object({ chat_template: z.string() }).parse(read('tokenizer_config.json')).chat_template
  metadata.push(entry('tokenizer.chat_template', STRING, text(template)))
  const tensors = tensorsOf(readFileSync(join(demoDir, 'model.safetensors')), config)
  const infos: Buffer[] = []
  const data: Buffer[] = []
  let at = 0
  for (const { name, shape, type, bytes } of tensors) {
    infos.push(text(name), u32(shape.length), ...shape.toReversed().map(u64), u32(type), u64(at))
    const padded = Buffer.alloc(Math.ceil(bytes.length / ALIGNMENT) * ALIGNMENT)
    bytes.copy(padded)
    data.push(padded)
    at += padded.length
  }
  const head = Buffer.concat([
    Buffer.from('GGUF'),
    u32(3),
    u64(tensors.length),
    u64(metadata.length),
    ...metadata,
    ...infos,
  ])
  const gap = Buffer.alloc(Math.ceil(head.length / ALIGNMENT) * ALIGNMENT - head.length)
  writeFileSync(path, Buffer.concat([head, gap, ...data]))
}

function metadataOf(config: z.infer<typeof configSchema>): Buffer[] {
  const number = (key: string, value: number) => entry(`llama.${key}`, UINT32, u32(value))
  const float = (key: string, value: number) => entry(`llama.${key}`, FLOAT32, f32(value))
  return [
    entry('general.architecture', STRING, text('llama')),
    number('embedding_length', config.hidden_size),
    number('feed_forward_length', config.intermediate_size),
    number('block_count', config.num_hidden_layers),
    number('attention.head_count', config.num_attention_heads),
    number('attention.head_count_kv', config.num_key_value_heads),
    number('context_length', config.max_position_embeddings),
    float('attention.layer_norm_rms_epsilon', config.rms_norm_eps),
    float('rope.freq_base', config.rope_theta),
  ]
}

function vocabularyOf({ model, added_tokens }: z.infer<typeof tokenizerSchema>): Buffer[] {
  const tokens = Object.entries(model.vocab)
    .sort((a, b) => a[1] - b[1])
    .map(([token]) => token)
  const control = new Set(added_tokens.map(({ id }) => id))
  const merges = model.merges.map((pair) => pair.join(' '))
  const id = (name: string, value: number) => entry(`tokenizer.ggml.${name}_token_id`, UINT32, u32(value))
  return [
    entry('tokenizer.ggml.model', STRING, text('gpt2')),
    entry('tokenizer.ggml.pre', STRING, text('gpt-2')),
    entry('tokenizer.ggml.tokens', ARRAY, list(STRING, tokens.map(text))),
    entry(
      'tokenizer.ggml.token_type',
      ARRAY,
      list(
        INT32,
        [...tokens.keys()].map((at) => u32(control.has(at) ? 3 : 1)),
      ),
    ),
    entry('tokenizer.ggml.merges', ARRAY, list(STRING, merges.map(text))),
    entry('tokenizer.ggml.add_bos_token', BOOL, Buffer.from([1])),
    ...[id('padding', 0), id('bos', 1), id('eos', 2), id('eot', 6)],
  ]
}

interface Tensor {
  name: string
  shape: number[]
  type: number
  bytes: Buffer
}

function tensorsOf(file: Buffer, config: z.infer<typeof configSchema>): Tensor[] {
  const length = Number(file.readBigUInt64LE(0))
  const { __metadata__: _, ...header } = JSON.parse(file.toString('utf8', 8, 8 + length)) as Record<string, unknown>
  return Object.entries(headerSchema.parse(header)).map(([name, { dtype, shape, data_offsets }]) => {
    const bytes = file.subarray(8 + length + data_offsets[0], 8 + length + data_offsets[1])
    const heads = /q_proj/.test(name)
      ? config.num_attention_heads
      : /k_proj/.test(name)
        ? config.num_key_value_heads
        : 0
    const renamed = NAMES.reduce((text, [pattern, to]) => text.replace(pattern, to), name)
    return {
      name: renamed,
      shape,
      type: TYPES[dtype] ?? -1,
      bytes: heads === 0 ? bytes : paired(bytes, shape[0] ?? 1, heads),
    }
  })
}

/** Rows i and i + half of each head become neighbours. */
function paired(bytes: Buffer, rows: number, heads: number): Buffer {
  const [row, ofHead] = [bytes.length / rows, rows / heads]
  const out = Buffer.alloc(bytes.length)
  for (let at = 0; at < rows; at++) {
    const [head, inside] = [Math.floor(at / ofHead), at % ofHead]
    const to = head * ofHead + (inside % (ofHead / 2)) * 2 + Math.floor(inside / (ofHead / 2))
    bytes.copy(out, to * row, at * row, (at + 1) * row)
  }
  return out
}

function entry(key: string, type: number, value: Buffer): Buffer {
  return Buffer.concat([text(key), u32(type), value])
}

function list(type: number, items: readonly Buffer[]): Buffer {
  return Buffer.concat([u32(type), u64(items.length), ...items])
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([u64(bytes.length), bytes])
}

function u32(value: number): Buffer {
  const out = Buffer.alloc(4)
  out.writeUInt32LE(value)
  return out
}

function u64(value: number): Buffer {
  const out = Buffer.alloc(8)
  out.writeBigUInt64LE(BigInt(value))
  return out
}

function f32(value: number): Buffer {
  const out = Buffer.alloc(4)
  out.writeFloatLE(value)
  return out
}
