/** A made-up model with as many linear layers as a large mixture of experts has. */
import type { LinearInfo, ModelDetail, ModelSummary } from '../../electron/contract/domain.ts'
import type { Script } from '../hosts/scripted-rpc.ts'

const BLOCKS = 1430
const TAGS = [
  ['self_attn.q_proj', 4096, 4096],
  ['self_attn.k_proj', 1024, 4096],
  ['self_attn.v_proj', 1024, 4096],
  ['self_attn.o_proj', 4096, 4096],
  ['mlp.gate_proj', 14336, 4096],
  ['mlp.up_proj', 14336, 4096],
  ['mlp.down_proj', 4096, 14336],
] as const

export const LAYERS = BLOCKS * TAGS.length

function linears(): LinearInfo[] {
  return Array.from({ length: BLOCKS }, (_, block) =>
    TAGS.map(
      ([tag, out, input]): LinearInfo => ({
        name: `model.layers.${block}.${tag}`,
        block,
        tag,
        shape: [out, input],
        sourceBytes: out * input * 2,
        sourceDtype: 'bfloat16',
        quantized: null,
      }),
    ),
  ).flat()
}

/** Answers of the methods that the Quantize screen asks about models. */
export function manyLayers(layers: LinearInfo[] = linears()): Readonly<Record<string, Script>> {
  const bytes = layers.reduce((sum, layer) => sum + layer.sourceBytes, 0)
  const summary: ModelSummary = {
    id: 'huge',
    name: 'Ten thousand tensors',
    path: '/huge',
    origin: 'added',
    config: {
      architecture: 'LlamaForCausalLM',
      modelType: 'llama',
      layers: BLOCKS,
      hiddenSize: 4096,
      intermediateSize: 14336,
      heads: 32,
      kvHeads: 8,
      headDim: 128,
      vocabSize: 128256,
      contextLength: 8192,
      tiedEmbeddings: false,
    },
    parameters: bytes / 2,
    dtype: 'bfloat16',
    fileBytes: bytes,
    quantization: null,
    hasTokenizer: true,
    hasChatTemplate: true,
    runProblem: null,
    quantizeProblem: null,
    note: null,
    addedAt: new Date().toISOString(),
  }
  const detail: ModelDetail = {
    summary,
    tensors: [],
    linears: layers,
    otherBytes: 2e9,
    chatTemplate: null,
    generation: {},
    provenance: null,
    card: null,
  }
  return {
    'models.list': () => ({ models: [summary] }),
    'models.inspect': () => detail,
    'models.watch': ({ event, signal }) => {
      event({ models: [summary] })
      return new Promise((resolve) => signal.addEventListener('abort', () => resolve({})))
    },
  }
}
