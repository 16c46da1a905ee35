/** Small, complete values of the contract's nouns for tests. */
import type { JobProgress, JobRecord, ModelDetail, ModelSummary } from '../../electron/contract/domain.ts'

export function sampleModel(changes: Partial<ModelSummary> = {}): ModelSummary {
  return {
    id: 'demo',
    name: 'Demo',
    path: '/models/demo',
    origin: 'demo',
    config: {
      architecture: 'LlamaForCausalLM',
      modelType: 'llama',
      layers: 2,
      hiddenSize: 8,
      intermediateSize: 16,
      heads: 2,
      kvHeads: 1,
      headDim: 4,
      vocabSize: 32,
      contextLength: 64,
      tiedEmbeddings: true,
    },
    parameters: 1000,
    dtype: 'bfloat16',
    fileBytes: 2000,
    quantization: null,
    hasTokenizer: true,
    hasChatTemplate: true,
    runProblem: null,
    quantizeProblem: null,
    note: null,
    addedAt: '2026-01-01T00:00:00Z',
    ...changes,
  }
}

export function sampleDetail(summary: ModelSummary): ModelDetail {
  const shapes = { 'self_attn.q_proj': [8, 8], 'mlp.up_proj': [16, 8] } as const
  const linears = [0, 1].flatMap((block) =>
    Object.entries(shapes).map(([tag, [rows, columns]]) => ({
      name: `model.layers.${block}.${tag}`,
      block,
      tag,
      shape: [rows, columns] as [number, number],
      sourceBytes: rows * columns * 2,
      sourceDtype: 'BF16',
      quantized: null,
    })),
  )
  const file = 'model.safetensors'
  return {
    summary,
    tensors: [
      { name: 'model.embed_tokens.weight', dtype: 'BF16', shape: [32, 8], bytes: 512, file },
      ...linears.map(({ name, shape, sourceBytes }) => ({
        name: `${name}.weight`,
        dtype: 'BF16',
        shape,
        bytes: sourceBytes,
        file,
      })),
      { name: 'model.layers.0.input_layernorm.weight', dtype: 'BF16', shape: [8], bytes: 16, file },
      { name: 'model.layers.1.input_layernorm.weight', dtype: 'BF16', shape: [8], bytes: 16, file },
    ],
    linears,
    otherBytes: 544,
    chatTemplate: '{{ messages }}',
    generation: { temperature: 0.6 },
    provenance: null,
    card: null,
  }
}

export function sampleProgress(changes: Partial<JobProgress> = {}): JobProgress {
  return {
    phase: 'quantize',
    done: 3,
    total: 4,
    unit: 'tensors',
    rate: 2,
    bytesPerSecond: 1e9,
    etaSeconds: 1,
    detail: 'model.layers.1.mlp.up_proj',
    checkpoint: '3 of 4 tensors',
    ...changes,
  }
}

export function sampleJob(changes: Partial<JobRecord> = {}): JobRecord {
  return {
    id: 'job',
    title: 'Quantize Demo',
    job: {
      kind: 'quantize',
      request: {
        modelId: 'demo',
        config: {
          base: {
            kind: 'quantize',
            spec: {
              nbits: 4,
              groupSize: 64,
              axis: 1,
              method: 'hqq',
              roundZero: null,
              quantZero: false,
              quantScale: false,
            },
          },
          rules: [],
          computeDtype: 'float16',
        },
        measure: true,
      },
    },
    state: 'running',
    createdAt: '2026-01-01T10:00:00Z',
    startedAt: '2026-01-01T10:00:01Z',
    finishedAt: null,
    progress: sampleProgress(),
    error: null,
    saved: null,
    resumable: false,
    resultModelId: null,
    suspect: false,
    engineDeaths: 0,
    stalledSince: null,
    attempts: 1,
    priority: 0,
    ...changes,
  }
}
