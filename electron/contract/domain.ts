/** The nouns of the application that are not about quantization choices: models, jobs, measurements, chats, settings. */
import { z } from 'zod'
import { errorShapeSchema } from './errors.ts'
import { downloadQuantizeRequestSchema, downloadRequestSchema, uploadRequestSchema } from './hub-requests.ts'
import { computeDtypeSchema, quantConfigSchema, quantSpecSchema, resolvedTensorSchema } from './quant.ts'
import { sensitivityRequestSchema } from './sensitivity.ts'
import {
  labelledPicturesSchema,
  promptTemplateSchema,
  storedImageSchema,
  towerSchema,
  visionSummarySchema,
} from './vision.ts'

const bytes = z.number().nonnegative()

// Models

export const modelConfigSummarySchema = z.object({
  architecture: z.string(),
  modelType: z.string(),
  layers: z.number().int(),
  hiddenSize: z.number().int(),
  intermediateSize: z.number().int(),
  heads: z.number().int(),
  kvHeads: z.number().int(),
  headDim: z.number().int(),
  vocabSize: z.number().int(),
  contextLength: z.number().int(),
  tiedEmbeddings: z.boolean(),
  /** False: the MLP has no gate beside its way up. */
  gatedMlp: z.boolean().optional(),
  /** Layers that see only a window of the last tokens, and keep no more of them. */
  sliding: z.object({ window: z.number().int(), layers: z.number().int() }).optional(),
  /** A mixture of experts: how many there are in a block, and how many a token goes to. */
  experts: z
    .object({ count: z.number().int(), perToken: z.number().int(), intermediateSize: z.number().int() })
    .optional(),
})
export type ModelConfigSummary = z.infer<typeof modelConfigSummarySchema>

export const quantSummarySchema = z.object({
  /** "4-bit g64", or "mixed 2/4-bit". */
  label: z.string(),
  mixed: z.boolean(),
  /** Over the quantized linear layers, metadata included. */
  bitsPerWeight: z.number(),
  /** Model folder this one was made from, when known. */
  sourceModelId: z.string().nullable(),
  method: z.string(),
  /** The program's whose format it is in, as "GPTQ"; absent for models in this app's own. */
  storedFormat: z.string().optional(),
})

export const modelSummarySchema = z.object({
  id: z.string(),
  name: z.string(),
  path: z.string(),
  origin: z.enum(['demo', 'added', 'created']),
  config: modelConfigSummarySchema.nullable(),
  parameters: z.number(),
  /** Models with experts: parameters that one token meets, and stored bytes of one expert. */
  experts: z.object({ activeParameters: z.number(), bytesEach: bytes }).optional(),
  /** Dominant dtype of the stored weights: "bfloat16", "4-bit", ... */
  dtype: z.string(),
  fileBytes: bytes,
  quantization: quantSummarySchema.nullable(),
  /** Models that see; absent for the others. */
  vision: visionSummarySchema.optional(),
  hasTokenizer: z.boolean(),
  hasChatTemplate: z.boolean(),
  /** Why it cannot write text (chat, perplexity) or be quantized; null when it can. Models that only see write none. */
  runProblem: errorShapeSchema.nullable(),
  quantizeProblem: errorShapeSchema.nullable(),
  /** A sentence the model brings about itself, e.g. that it is only a demo. */
  note: z.string().nullable(),
  addedAt: z.string(),
})
export type ModelSummary = z.infer<typeof modelSummarySchema>

export const tensorInfoSchema = z.object({
  name: z.string(),
  dtype: z.string(),
  shape: z.array(z.number().int()),
  bytes,
  file: z.string(),
})
export type TensorInfo = z.infer<typeof tensorInfoSchema>

/** A linear layer as the grid shows it. */
export const linearInfoSchema = z.object({
  /** Module name, e.g. model.layers.3.mlp.up_proj. */
  name: z.string(),
  /** Index of the transformer block; null outside the blocks (lm_head). */
  block: z.number().int().nullable(),
  /** Linear tag: module name without `model`, `layers` and numbers, e.g. mlp.up_proj. */
  tag: z.string(),
  /** The part of a model that sees; absent in other models. */
  tower: towerSchema.optional(),
  /** [out, in] */
  shape: z.tuple([z.number().int(), z.number().int()]),
  sourceBytes: bytes,
  sourceDtype: z.string(),
  /** How it is stored when the model is already quantized. */
  quantized: quantSpecSchema.extend({ bytes, metadataBytes: bytes }).nullable(),
})
export type LinearInfo = z.infer<typeof linearInfoSchema>

export const modelDetailSchema = z.object({
  summary: modelSummarySchema,
  tensors: z.array(tensorInfoSchema),
  linears: z.array(linearInfoSchema),
  /** Bytes of everything that is not a linear layer (embeddings, norms, head). */
  otherBytes: bytes,
  chatTemplate: z.string().nullable(),
  generation: z.record(z.string(), z.json()),
  /** Contents of hqq-studio.json for models made here. */
  provenance: z.record(z.string(), z.json()).nullable(),
  card: z.string().nullable(),
})
export type ModelDetail = z.infer<typeof modelDetailSchema>

// Memory

/** The same five parts on every screen, in bytes. */
export const memoryPartsSchema = z.object({
  weights: bytes,
  metadata: bytes,
  kvCache: bytes,
  scratch: bytes,
  other: bytes,
})
export type MemoryParts = z.infer<typeof memoryPartsSchema>

export const fitSchema = z.object({
  verdict: z.enum(['fits', 'tight', 'too-big']),
  /** A sentence with the numbers and the cure (fewer bits, shorter context). */
  reason: z.string(),
})
export type Fit = z.infer<typeof fitSchema>

/** A GPU beyond its name and memory. Absent on the CPU. */
export const gpuSchema = z.object({
  /** As nvidia-smi shows it. */
  uuid: z.string(),
  ordinal: z.number().int(),
  /** "9.0" */
  computeCapability: z.string(),
  multiprocessors: z.number().int(),
  /** "580.65.06"; null when NVML is not there. */
  driver: z.string().nullable(),
  /** Memory of other processes; null when it cannot be known. */
  otherBytes: bytes.nullable(),
  /** Percent; null when it cannot be known. */
  utilization: z.number().nullable(),
  /** What this engine holds on it, by part. */
  own: z.object({ weights: bytes, metadata: bytes, kvCache: bytes, scratch: bytes }),
  /** Why it is not offered; null when it passed its check. */
  problem: z.string().nullable(),
})
export type Gpu = z.infer<typeof gpuSchema>

export const deviceSchema = z.object({
  /** "cpu" or "cuda:" and the UUID. */
  id: z.string(),
  name: z.string(),
  kind: z.enum(['cpu', 'cuda']),
  totalBytes: bytes,
  freeBytes: bytes,
  gpu: gpuSchema.optional(),
})
export type Device = z.infer<typeof deviceSchema>

export const CUDA_STATES = [
  'ready',
  'no-driver',
  'old-driver',
  'no-device',
  'not-built',
  'abi-mismatch',
  'disabled',
  'device-lost',
] as const

export const machineSchema = z.object({
  cpu: z.string(),
  cores: z.number().int(),
  totalMemoryBytes: bytes,
  availableMemoryBytes: bytes,
  simd: z.object({ available: z.array(z.string()), active: z.string() }),
  threads: z.number().int(),
  devices: z.array(deviceSchema),
  /** Whether GPUs can be used, and if not, why and what to do. Absent in engines without GPU support. */
  cuda: z.object({ state: z.enum(CUDA_STATES), sentence: z.string() }).optional(),
})
export type Machine = z.infer<typeof machineSchema>

export const estimateSchema = z.object({
  table: z.array(resolvedTensorSchema),
  fileBytes: bytes,
  run: memoryPartsSchema,
  runTotalBytes: bytes,
  runFit: fitSchema,
  quantizeBytes: bytes,
  quantizeFit: fitSchema,
  contextLength: z.number().int(),
  bitsPerWeight: z.number(),
  /** Choices that cost at least as much as a better one, and other advice. */
  warnings: z.array(z.string()),
})
export type Estimate = z.infer<typeof estimateSchema>

// Jobs

export const JOB_STATES = [
  'queued',
  'running',
  'stopping',
  'done',
  'failed',
  'cancelled',
  'interrupted',
  'paused',
] as const
export const jobStateSchema = z.enum(JOB_STATES)
export type JobState = z.infer<typeof jobStateSchema>

export const jobProgressSchema = z.object({
  /** Phase by name: "check", "quantize", "write", "measure". */
  phase: z.string(),
  done: z.number(),
  total: z.number(),
  /** What done and total count: "tensors", "tokens", "bytes". */
  unit: z.string(),
  /** Of `unit` per second, when known. */
  rate: z.number().nullable(),
  bytesPerSecond: z.number().nullable(),
  /** Only once it is stable. */
  etaSeconds: z.number().nullable(),
  /** Current tensor or window. */
  detail: z.string().nullable(),
  /** What would survive a stop now. */
  checkpoint: z.string().nullable(),
})
export type JobProgress = z.infer<typeof jobProgressSchema>

export const tensorResultSchema = z.object({
  name: z.string(),
  spec: quantSpecSchema,
  meanAbsError: z.number(),
  /** meanAbsError / mean |W|: comparable between tensors. */
  relativeError: z.number(),
  bytes,
  seconds: z.number(),
  iterations: z.number().int(),
})
export type TensorResult = z.infer<typeof tensorResultSchema>

export const jobKindSchema = z.enum([
  'quantize',
  'evaluate',
  'download',
  'download-quantize',
  'upload',
  'dequantize',
  'sensitivity',
])

export const perplexityProtocolSchema = z.enum(['hqq', 'windows'])

/** The text a perplexity is measured on: the bundled evaluation text, a file the user picked, or a dataset on the Hub. */
export const textSourceSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('bundled') }),
  z.object({ kind: z.literal('file'), path: z.string() }),
  /** Rows of a dataset on the Hub, joined by blank lines. */
  z.object({
    kind: z.literal('dataset'),
    repo: z.string(),
    config: z.string().default(''),
    split: z.string().default('test'),
    column: z.string().default('text'),
  }),
])
export type TextSource = z.infer<typeof textSourceSchema>

/** Which device works: the best there is, the CPU, any GPU, or one GPU by ordinal or UUID. */
export const deviceChoiceSchema = z.string().regex(/^(auto|cpu|cuda|cuda:.+|GPU-.+)$/)
export type DeviceChoice = z.infer<typeof deviceChoiceSchema>

export const quantizeRequestSchema = z.object({
  modelId: z.string(),
  config: quantConfigSchema,
  /** Name of the new model; a free one is chosen when omitted. */
  name: z.string().min(1).max(120).optional(),
  /** Absolute folder for the result; default: the app's model folder. */
  outDir: z.string().optional(),
  /** Replace a model that is at outDir already. */
  overwrite: z.boolean().optional(),
  /** Go on from what an interrupted run of the same request left at outDir; true when omitted. */
  resume: z.boolean().optional(),
  /** Where to quantize (see the setting of that name); the setting when omitted. */
  device: deviceChoiceSchema.optional(),
  /** File that keeps what methods measure of the model, for later runs on the same text. */
  momentsFile: z.string().optional(),
  /** Measure perplexity and speed afterwards, so that Compare has a row. */
  measure: z.boolean().default(true),
})
export type QuantizeRequest = z.infer<typeof quantizeRequestSchema>

export const evaluateRequestSchema = z.object({
  modelId: z.string(),
  metrics: z.array(z.enum(['perplexity', 'speed', 'accuracy', 'divergence'])).min(1),
  /** What divergence is measured from; the model that this one was made from when omitted. */
  referenceModelId: z.string().optional(),
  text: textSourceSchema.default({ kind: 'bundled' }),
  protocol: perplexityProtocolSchema.default('windows'),
  window: z.number().int().min(2).default(512),
  stride: z.number().int().min(1).default(512),
  maxTokens: z.number().int().min(2).nullable().default(null),
  /** What accuracy is measured on. */
  pictures: labelledPicturesSchema.extend({ template: promptTemplateSchema }).optional(),
})
export type EvaluateRequest = z.infer<typeof evaluateRequestSchema>

/** Plain weights again, as a model of its own. */
export const dequantizeRequestSchema = z.object({
  modelId: z.string(),
  /** Of the reconstructed weights; null takes that of their scales. */
  dtype: computeDtypeSchema.nullable().default(null),
  /** Name of the new model; a free one is chosen when omitted. */
  name: z.string().min(1).max(120).optional(),
  /** Absolute folder for the result; default: a free one in the app's model folder. */
  outDir: z.string().optional(),
})
export type DequantizeJobRequest = z.infer<typeof dequantizeRequestSchema>

export const jobRequestSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('quantize'), request: quantizeRequestSchema }),
  z.object({ kind: z.literal('evaluate'), request: evaluateRequestSchema }),
  z.object({ kind: z.literal('download'), request: downloadRequestSchema }),
  z.object({ kind: z.literal('download-quantize'), request: downloadQuantizeRequestSchema }),
  z.object({ kind: z.literal('upload'), request: uploadRequestSchema }),
  z.object({ kind: z.literal('dequantize'), request: dequantizeRequestSchema }),
  z.object({ kind: z.literal('sensitivity'), request: sensitivityRequestSchema }),
])
export type JobRequest = z.infer<typeof jobRequestSchema>

export const jobRecordSchema = z.object({
  id: z.string(),
  title: z.string(),
  job: jobRequestSchema,
  state: jobStateSchema,
  createdAt: z.string(),
  startedAt: z.string().nullable(),
  finishedAt: z.string().nullable(),
  progress: jobProgressSchema.nullable(),
  error: errorShapeSchema.nullable(),
  /** What a stopped or interrupted job left behind and whether it can go on from there. */
  saved: z.string().nullable(),
  resumable: z.boolean(),
  /** Model the job made or measured, once there is one. */
  resultModelId: z.string().nullable(),
  /** Set when two runs of the same input killed the engine. */
  suspect: z.boolean().default(false),
  /** How often the engine died while this job ran. */
  engineDeaths: z.number().int().default(0),
  /** When it last moved, of a running job that has not moved for longer than its kind may take; else null. */
  stalledSince: z.string().nullable().default(null),
  attempts: z.number().int().default(1),
  /** Of those that wait, the highest goes first. */
  priority: z.number().int().default(0),
})
export type JobRecord = z.infer<typeof jobRecordSchema>

export const jobDetailSchema = z.object({
  record: jobRecordSchema,
  tensors: z.array(tensorResultSchema),
  log: z.array(z.object({ at: z.string(), text: z.string() })),
})
export type JobDetail = z.infer<typeof jobDetailSchema>

// Measurements

/** How a number was measured; measurements are comparable only when their protocol keys are equal. */
export const measurementSchema = z.object({
  id: z.string(),
  modelId: z.string(),
  /** Accuracy is the percentage of pictures whose label came first, or among the first five, or of questions answered to the letter. */
  metric: z.enum([
    'perplexity',
    'decode-speed',
    'prefill-speed',
    'memory',
    'quantize-time',
    'accuracy',
    'accuracy-top5',
    'answer-accuracy',
    // Of one comparison with another model, all under the same key.
    'mean-kl',
    'p99-kl',
    'top-1-agreement',
    'perplexity-ratio',
  ]),
  value: z.number(),
  unit: z.string(),
  /** Stable text made of everything that must match for a comparison: protocol, window, stride, text hash, tokens, device. */
  protocolKey: z.string(),
  protocol: z.record(z.string(), z.json()),
  memory: memoryPartsSchema.nullable(),
  seconds: z.number(),
  engineVersion: z.string(),
  at: z.string(),
})
export type Measurement = z.infer<typeof measurementSchema>

/** One row of Compare: a version of a model with everything known about it. */
export const compareRowSchema = z.object({
  model: modelSummarySchema,
  role: z.enum(['original', 'quantized']),
  predicted: memoryPartsSchema,
  contextLength: z.number().int(),
  measurements: z.array(measurementSchema),
  quantizeSeconds: z.number().nullable(),
  /** Mean over linear layers of relativeError, when this app quantized it. */
  meanRelativeError: z.number().nullable(),
  tensors: z.array(tensorResultSchema),
})
export type CompareRow = z.infer<typeof compareRowSchema>

// Chat

export const samplingSchema = z.object({
  temperature: z.number().min(0).max(5).default(0.7),
  topK: z.number().int().min(0).default(40),
  topP: z.number().min(0).max(1).default(0.95),
  minP: z.number().min(0).max(1).default(0),
  repetitionPenalty: z.number().min(0.1).max(10).default(1.1),
  /** Same seed, same text; null draws one and reports it. */
  seed: z.number().int().nonnegative().nullable().default(null),
  maxNewTokens: z.number().int().min(1).default(256),
  stopStrings: z.array(z.string().min(1)).default([]),
})
export type Sampling = z.infer<typeof samplingSchema>

export const chatMessageSchema = z.object({
  id: z.string(),
  role: z.enum(['system', 'user', 'assistant']),
  content: z.string(),
  /** Pictures shown with a user's message, in their order. */
  images: z.array(storedImageSchema).optional(),
  /** Present on assistant messages: how it was made. */
  stats: z
    .object({
      modelId: z.string(),
      promptTokens: z.number().int(),
      newTokens: z.number().int(),
      timeToFirstTokenMs: z.number(),
      tokensPerSecond: z.number(),
      finishReason: z.string(),
      seed: z.number().int(),
      memoryBytes: bytes,
    })
    .optional(),
})
export type ChatMessage = z.infer<typeof chatMessageSchema>

export const conversationSchema = z.object({
  id: z.string(),
  title: z.string(),
  modelId: z.string(),
  messages: z.array(chatMessageSchema),
  sampling: samplingSchema,
  createdAt: z.string(),
  updatedAt: z.string(),
})
export type Conversation = z.infer<typeof conversationSchema>

export const FINISH_REASONS = ['eos', 'length', 'context-full', 'stop-string', 'cancelled'] as const
export const finishReasonSchema = z.enum(FINISH_REASONS)
export type FinishReason = z.infer<typeof finishReasonSchema>

// Settings

const settingFields = {
  theme: z.enum(['system', 'light', 'dark']),
  /** Where quantized models are written; null: a folder in the app's data folder. */
  outputDir: z.string().nullable(),
  /** Extra folders that are scanned for models. */
  modelDirs: z.array(z.string()),
  /** Engine threads; null: all physical cores. */
  threads: z.number().int().min(1).max(1024).nullable(),
  computeDtype: computeDtypeSchema,
  /** Where models are quantized and run. */
  device: deviceChoiceSchema,
  /** Context used for estimates and chats unless the model's own is shorter. */
  contextLength: z.number().int().min(16),
  /** Bytes a second that all downloads together may take; null: no limit. */
  downloadBytesPerSecond: z.number().positive().nullable(),
  /** Free space that downloads leave on a disk. */
  diskFloorBytes: bytes,
  /** Most that quantized matrices and moments kept for next time may take. */
  keptBytes: bytes,
  /** Whether the demo models that see are in the library. */
  visionDemos: z.boolean(),
}
export const settingsSchema = z.object({
  theme: settingFields.theme.default('system'),
  outputDir: settingFields.outputDir.default(null),
  modelDirs: settingFields.modelDirs.default([]),
  threads: settingFields.threads.default(null),
  computeDtype: settingFields.computeDtype.default('float32'),
  device: settingFields.device.default('auto'),
  contextLength: settingFields.contextLength.default(2048),
  downloadBytesPerSecond: settingFields.downloadBytesPerSecond.default(null),
  diskFloorBytes: settingFields.diskFloorBytes.default(2e9),
  keptBytes: settingFields.keptBytes.default(10e9),
  visionDemos: settingFields.visionDemos.default(false),
})
/** Some of them. Without the defaults, which would set back all that is not named. */
export const settingsChangeSchema = z.object(settingFields).partial()
export type Settings = z.infer<typeof settingsSchema>
