/**
 * Services to the engine process. The same names and fields are the native dispatch table (native/engine/methods.cpp), so a
 * request can be replayed with engine-cli. Everything is JSON; large results go to files.
 */
import { z } from 'zod'
import { finishReasonSchema, machineSchema, perplexityProtocolSchema, tensorInfoSchema } from './domain.ts'
import { call, stream } from './method.ts'
import { computeDtypeSchema, methodNameSchema, nbitsSchema } from './quant.ts'

const bytes = z.number().nonnegative()
const empty = z.object({})
/**
 * A safetensors file with the tensor `pixel_values`, float32 [count, channels, height, width]: pictures, resized and normalised. In
 * prompts, as many of the model's picture tokens stand for each as it gives rows.
 */
const pixelsFile = z.string().nullable().default(null)
/** "cpu", "cuda", "cuda:N", "cuda:UUID" or a UUID. */
const device = z.string().default('cpu')

/** A spec with every default resolved. */
export const engineQuantSchema = z.object({
  nbits: nbitsSchema,
  groupSize: z.number().int().positive().nullable(),
  axis: z.union([z.literal(0), z.literal(1)]),
  channelWise: z.boolean().default(true),
  roundZero: z.boolean(),
  /** A name of the engine's method registry. */
  method: methodNameSchema,
  quantZero: z.boolean(),
  quantScale: z.boolean(),
})
export type EngineQuant = z.infer<typeof engineQuantSchema>

export const engineMemorySchema = z.object({
  weightsBytes: bytes,
  metadataBytes: bytes,
  kvCacheBytes: bytes,
  scratchBytes: bytes,
  /** Highest total of the engine's own buffers since load. */
  peakBytes: bytes,
  /** Resident set of the process. */
  residentBytes: bytes,
  /** The GPU that holds it, whose buffers all the above but the resident set are; absent on the CPU. */
  device: z.object({ id: z.string(), totalBytes: bytes, freeBytes: bytes, otherBytes: bytes.nullable() }).optional(),
})
export type EngineMemory = z.infer<typeof engineMemorySchema>

/** The header of a GGUF file: its metadata, its tensors as the file names them, and the values of small rotary tensors. */
const ggufInspect = call(
  z.object({ path: z.string() }),
  z.object({
    metadata: z.record(z.string(), z.unknown()),
    tensors: z.array(z.object({ name: z.string(), type: z.string(), shape: z.array(z.number().int()) })),
    rope: z.record(z.string(), z.array(z.number())),
  }),
)

const modelInspect = call(
  z.object({ dir: z.string() }),
  z.object({
    files: z.array(z.object({ name: z.string(), bytes })),
    tensors: z.array(tensorInfoSchema),
    /** HQQ layers by module name; their tensors are also in `tensors`. */
    quantizedLayers: z.array(
      z.object({
        name: z.string(),
        nbits: nbitsSchema,
        groupSize: z.number().int().positive().nullable(),
        axis: z.union([z.literal(0), z.literal(1)]),
        shape: z.tuple([z.number().int(), z.number().int()]),
        packing: z.string(),
        quantZero: z.boolean(),
        quantScale: z.boolean(),
        bytes,
        metadataBytes: bytes,
      }),
    ),
    metadata: z.record(z.string(), z.string()),
    /** Sentences on layers that are dequantized when they are read, and why. */
    notices: z.array(z.string()).optional(),
  }),
)

const modelQuantize = stream(
  z.object({
    modelDir: z.string(),
    /** Staging folder owned by the caller; gets model*.safetensors and a journal that makes it resumable. */
    outDir: z.string(),
    /** Module names of linear layers. Tensors not named are kept. */
    plan: z.array(z.object({ name: z.string(), quant: engineQuantSchema })),
    /** dtype of scale, zero and kept floating-point tensors; null keeps those as stored. */
    computeDtype: computeDtypeSchema.nullable(),
    maxShardBytes: z.number().positive().default(5e9),
    /** Of the text that a model writes itself, for methods that measure on it. */
    seed: z.number().int().nonnegative().default(0),
    /** JSON file with one array of token ids, which these methods measure on in its place. */
    textIdsFile: z.string().nullable().default(null),
    /** Keeps what was measured for later runs of the same model and text. */
    momentsFile: z.string().nullable().default(null),
    /** Folder of quantized matrices that are taken over, and added to, by what they were made from. */
    storeDir: z.string().nullable().default(null),
    /** Set while the source's files are still arriving: sparse files of their full size whose headers are whole. */
    arriving: z
      .object({
        /** Stands for the source's contents in place of sizes and times, which change meanwhile. */
        identity: z.string(),
        /** Source tensors whose earlier results came from bytes that proved wrong. */
        discard: z.array(z.string()),
        /** Source tensors that have arrived; nothing else is read. Null: all are done, and files are assembled. */
        tensors: z.array(z.string()).nullable(),
      })
      .optional(),
    device,
  }),
  z.discriminatedUnion('type', [
    z.object({
      type: z.literal('progress'),
      phase: z.enum(['check', 'write-text', 'measure', 'quantize', 'assemble']),
      tensorsDone: z.number().int(),
      tensorsTotal: z.number().int(),
      bytesDone: bytes,
      bytesTotal: bytes,
      current: z.string().nullable(),
      /** While the model writes and reads its own text. */
      tokensDone: z.number().int().optional(),
      tokensTotal: z.number().int().optional(),
    }),
    z.object({
      type: z.literal('tensor'),
      name: z.string(),
      /** True when taken over from an earlier, interrupted run. */
      resumed: z.boolean(),
      meanAbsError: z.number(),
      relativeError: z.number(),
      bytes,
      seconds: z.number(),
      iterations: z.number().int(),
    }),
  ]),
  z.object({
    /** None as long as tensors are missing. */
    files: z.array(z.string()),
    /** Source tensors that are not done, when `arriving` says that all should be. */
    missing: z.array(z.string()),
    fileBytes: bytes,
    quantizedTensors: z.number().int(),
    keptTensors: z.number().int(),
    resumedTensors: z.number().int(),
    seconds: z.number(),
    peakBytes: bytes,
  }),
)

const modelSensitivity = stream(
  z.object({
    modelDir: z.string(),
    /** The candidate `probe` of each layer is also measured on the model's predictions. */
    layers: z.array(
      z.object({
        name: z.string(),
        candidates: z.array(engineQuantSchema).min(1),
        probe: z.number().int().nonnegative(),
      }),
    ),
    computeDtype: computeDtypeSchema,
    /** Whose distributions are compared. */
    tokens: z.number().int().min(1),
    seed: z.number().int().nonnegative().default(0),
    textIdsFile: z.string().nullable().default(null),
    momentsFile: z.string().nullable().default(null),
    storeDir: z.string().nullable().default(null),
  }),
  z.discriminatedUnion('type', [
    z.object({
      type: z.literal('progress'),
      /** In tokens, the last one in layers. */
      phase: z.enum(['write-text', 'measure', 'reference', 'candidates']),
      done: z.number().int(),
      total: z.number().int(),
    }),
    z.object({
      type: z.literal('layer'),
      name: z.string(),
      /** Of the probe, in nats a token. */
      divergence: z.number().nonnegative(),
      candidates: z.array(
        z.object({
          relativeError: z.number(),
          weightedError: z.number(),
          bytes,
          seconds: z.number(),
          /** Taken from the store. */
          kept: z.boolean(),
        }),
      ),
    }),
  ]),
  z.object({ tokens: z.number().int(), meanNll: z.number(), seconds: z.number() }),
)

/** Work that goes through a model tensor by tensor; `current` is the one under way. */
const tensorProgress = z.object({
  type: z.literal('progress'),
  tensorsDone: z.number().int(),
  tensorsTotal: z.number().int(),
  current: z.string(),
})
const byteProgress = tensorProgress.extend({ bytesDone: bytes, bytesTotal: bytes })

/** The way back: plain weights, for other programs. */
const modelDequantize = stream(
  z.object({
    modelDir: z.string(),
    /** A folder that exists. */
    outDir: z.string(),
    /** dtype of the reconstructed weights; null takes that of their scales. Other tensors stay as they are. */
    dtype: computeDtypeSchema.nullable(),
    maxShardBytes: z.number().positive().default(5e9),
  }),
  byteProgress,
  z.object({
    files: z.array(z.string()),
    fileBytes: bytes,
    dequantizedLayers: z.number().int(),
    keptTensors: z.number().int(),
    seconds: z.number(),
  }),
)

/** From one format of quantized weights to another, without quantizing anew. */
const modelConvert = stream(
  z.object({
    modelDir: z.string(),
    /** A folder that exists. */
    outDir: z.string(),
    format: z.enum(['hqq-safetensors', 'compressed-tensors', 'qmodel']),
    /** Of compressed-tensors; null takes 4 where no layer has more. */
    nbits: z.union([z.literal(4), z.literal(8)]).nullable(),
    maxShardBytes: z.number().positive().default(5e9),
  }),
  byteProgress,
  z.object({
    files: z.array(z.string()),
    fileBytes: bytes,
    layers: z.number().int(),
    keptTensors: z.number().int(),
    /** For config.json; null where the format has none of its own. */
    quantizationConfig: z.record(z.string(), z.json()).nullable(),
    seconds: z.number(),
  }),
)

/** How far the weights of two models are apart, quantized ones dequantized to float32. */
const modelCompareWeights = stream(
  z.object({ modelDir: z.string(), otherDir: z.string() }),
  tensorProgress,
  z.object({
    tensors: z.number().int(),
    /** Tensors that are bit for bit the same. */
    exact: z.number().int(),
    maxError: z.number(),
    /** Over the weights of the tensors that differ. */
    meanError: z.number(),
    meanMagnitude: z.number(),
  }),
)

const ggufScalar = z.union([z.number(), z.boolean(), z.string()])
/** One GGUF file of a model that is a folder: what llama.cpp reads. */
const modelExportGguf = stream(
  z.object({
    modelDir: z.string(),
    /** Path of the file; replaced when it is there. */
    out: z.string(),
    /** As llama.cpp names it; the names of tensors follow from it. */
    architecture: z.string(),
    heads: z.number().int().positive(),
    kvHeads: z.number().int().positive(),
    /** The head has no weights of its own: a stored copy is left out, unless it is quantized. */
    tied: z.boolean(),
    /** Of all matrices without blocks; null keeps theirs, and writes quantized ones that fit no block as float16. */
    floatType: computeDtypeSchema.nullable(),
    metadata: z.array(
      z.object({
        key: z.string(),
        type: z.enum(['u32', 'i32', 'f32', 'bool', 'text', 'i32[]', 'f32[]', 'text[]']),
        value: z.union([ggufScalar, z.array(z.number()), z.array(z.string())]),
      }),
    ),
    /** Small float32 tensors that follow from the configuration. */
    factors: z.array(z.object({ name: z.string(), values: z.array(z.number()) })),
  }),
  byteProgress,
  z.object({
    fileBytes: bytes,
    /** Tensors of each type. */
    types: z.record(z.string(), z.number().int()),
    /** Quantized in the folder, floating point in the file. */
    dequantizedLayers: z.number().int(),
    /**
     * Of the layers that keep their integers, the one that float16 scales and offsets moved most, by that part of its largest
     * weight; empty and 0 when there is none.
     */
    mostRounded: z.string(),
    rounding: z.number().nonnegative(),
    /** The same of the matrices that `floatType` changed. */
    mostCast: z.string(),
    castRounding: z.number().nonnegative(),
    seconds: z.number(),
  }),
)

const modelGenerate = stream(
  z.object({
    handle: z.string(),
    ids: z.array(z.number().int().nonnegative()).min(1),
    temperature: z.number().min(0),
    topK: z.number().int().min(0),
    topP: z.number().min(0).max(1),
    minP: z.number().min(0).max(1),
    repetitionPenalty: z.number().positive(),
    seed: z.number().int().nonnegative(),
    maxNewTokens: z.number().int().min(1),
    stopIds: z.array(z.number().int()),
    pixelsFile,
  }),
  z.discriminatedUnion('type', [
    z.object({ type: z.literal('prefill'), done: z.number().int(), total: z.number().int() }),
    z.object({ type: z.literal('token'), id: z.number().int() }),
  ]),
  z.object({
    newIds: z.array(z.number().int()),
    /** Cancelling a generation is an outcome, not an error: what was written stays. */
    finishReason: finishReasonSchema,
    promptTokens: z.number().int(),
    /** Prompt tokens taken from the KV cache of the call before. */
    reusedTokens: z.number().int(),
    prefillSeconds: z.number(),
    decodeSeconds: z.number(),
    memory: engineMemorySchema,
  }),
)

const modelPerplexity = stream(
  z.object({
    handle: z.string(),
    /** JSON file with one array of token ids. */
    idsFile: z.string(),
    protocol: perplexityProtocolSchema,
    window: z.number().int().min(2),
    stride: z.number().int().min(1),
    maxTokens: z.number().int().min(2).nullable(),
  }),
  z.object({
    type: z.literal('progress'),
    done: z.number().int(),
    total: z.number().int(),
    /** Perplexity so far. */
    perplexity: z.number().nullable(),
  }),
  z.object({
    perplexity: z.number(),
    negativeLogLikelihood: z.number(),
    /** Ids in the stream after maxTokens. */
    tokens: z.number().int(),
    /** Ids that were predicted and scored. */
    scoredTokens: z.number().int(),
    windows: z.number().int(),
    seconds: z.number(),
  }),
)

/** Ids in disjoint windows, of which an incomplete last one is dropped; each scores all its ids but the first. */
const windows = {
  handle: z.string(),
  /** JSON file with one array of token ids. */
  idsFile: z.string(),
  window: z.number().int().min(2),
}
const walkProgress = z.object({ type: z.literal('progress'), done: z.number().int(), total: z.number().int() })
const walked = { tokens: z.number().int(), windows: z.number().int(), seconds: z.number() }

/** Logits of all scored positions as float32 into a safetensors file, for model.divergence without both models in memory. */
const modelReference = stream(z.object({ ...windows, out: z.string() }), walkProgress, z.object({ ...walked, bytes }))

/** KL(reference || model) in nats at temperature 1, position by position, in memory that does not grow with the text. */
const modelDivergence = stream(
  z.object({
    ...windows,
    /** Another loaded model, or what model.reference wrote for the same ids and window. */
    reference: z.union([z.object({ handle: z.string() }), z.object({ file: z.string() })]),
  }),
  z.discriminatedUnion('type', [
    walkProgress,
    z.object({
      type: z.literal('tokens'),
      /** Index in the stream of the first id that these predict; the columns go on from there. */
      position: z.number().int(),
      kl: z.array(z.number()),
      /** -ln of the probability of the id that came. */
      referenceNll: z.array(z.number()),
      nll: z.array(z.number()),
      /** The likeliest id, and -ln of its probability. */
      referenceTop: z.array(z.number().int()),
      top: z.array(z.number().int()),
      referenceTopNll: z.array(z.number()),
      topNll: z.array(z.number()),
    }),
  ]),
  z.object(walked),
)

export const engineContract = {
  'engine.info': call(empty, machineSchema.extend({ version: z.string(), methods: z.array(z.string()) })),
  'engine.configure': call(
    z.object({ threads: z.number().int().min(1).nullable(), simd: z.string().nullable() }),
    empty,
  ),
  'model.inspect': modelInspect,
  'gguf.inspect': ggufInspect,
  'model.quantize': modelQuantize,
  'model.sensitivity': modelSensitivity,
  'model.dequantize': modelDequantize,
  'model.convert': modelConvert,
  'model.compareWeights': modelCompareWeights,
  'model.exportGguf': modelExportGguf,
  'model.load': call(
    z.object({
      dir: z.string(),
      computeDtype: computeDtypeSchema,
      /** KV cache capacity in tokens. */
      contextLength: z.number().int().min(1),
      /**
       * false: float32 activations everywhere (reference numerics); true: int8 activations where faster, and on a GPU float16 in
       * place of float32.
       */
      fast: z.boolean(),
      device,
    }),
    z.object({ handle: z.string(), vocabSize: z.number().int(), memory: engineMemorySchema, seconds: z.number() }),
  ),
  'model.unload': call(z.object({ handle: z.string() }), empty),
  'model.generate': modelGenerate,
  'model.perplexity': modelPerplexity,
  'model.reference': modelReference,
  'model.divergence': modelDivergence,
  'model.logits': call(
    z.object({
      handle: z.string(),
      ids: z.array(z.array(z.number().int().nonnegative())),
      out: z.string(),
      pixelsFile,
    }),
    z.object({ shape: z.array(z.number().int()) }),
  ),
  /** Embeddings of unit length of pictures, and of texts given as ids that end in the end token. */
  'vision.embed': stream(
    z.object({ handle: z.string(), pixelsFile, texts: z.array(z.array(z.number().int().nonnegative())) }),
    z.object({ phase: z.enum(['images', 'texts']), done: z.number().int(), total: z.number().int() }),
    z.object({
      images: z.array(z.array(z.number())),
      texts: z.array(z.array(z.number())),
      size: z.number().int(),
      /** Cosines times this are the logits of zero-shot classification. */
      logitScale: z.number(),
      seconds: z.number(),
    }),
  ),
  'tensor.quantize': call(
    z.object({ file: z.string(), tensor: z.string(), quant: engineQuantSchema, out: z.string(), device }),
    z.object({
      shape: z.array(z.number().int()),
      packing: z.string(),
      iterations: z.number().int(),
      meanAbsError: z.number(),
      meanSquaredError: z.number(),
      maxAbsError: z.number(),
      bytes,
      seconds: z.number(),
    }),
  ),
  /** Only when the engine was started with HQQ_FAULTS=1: dies by the given signal, for the fault tests. */
  'debug.crash': call(z.object({ signal: z.enum(['SEGV', 'KILL', 'ABRT']) }), empty),
} as const
export type EngineContract = typeof engineContract
