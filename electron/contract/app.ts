/** UI to services. Runs over an Electron MessagePort, a loopback WebSocket, or in process for the command line. */
import { z } from 'zod'
import {
  ballotSchema,
  blindEventSchema,
  blindRequestSchema,
  sideBySideEventSchema,
  sideBySideRequestSchema,
  sideBySideResultSchema,
  tallySchema,
  textComparisonRequestSchema,
  textComparisonResultSchema,
} from './difference.ts'
import {
  chatMessageSchema,
  compareRowSchema,
  conversationSchema,
  dequantizeRequestSchema,
  estimateSchema,
  evaluateRequestSchema,
  finishReasonSchema,
  jobDetailSchema,
  jobProgressSchema,
  jobRecordSchema,
  machineSchema,
  memoryPartsSchema,
  modelDetailSchema,
  modelSummarySchema,
  quantizeRequestSchema,
  samplingSchema,
  settingsChangeSchema,
  settingsSchema,
  tensorResultSchema,
} from './domain.ts'
import { errorShapeSchema } from './errors.ts'
import {
  cachedRepoSchema,
  hubAccountSchema,
  hubModelDetailSchema,
  hubModelSchema,
  hubQuerySchema,
  uploadPlanSchema,
} from './hub.ts'
import { downloadQuantizeRequestSchema, downloadRequestSchema, uploadRequestSchema } from './hub-requests.ts'
import { call, stream } from './method.ts'
import { presetSchema, quantConfigSchema } from './quant.ts'
import { reportRequestSchema } from './report.ts'
import { predictedRunSchema, sensitivityRequestSchema, sensitivityTableSchema } from './sensitivity.ts'
import { visionMethods } from './vision.ts'

const empty = z.object({})
const byId = z.object({ id: z.string() })

export const engineStatusSchema = z.object({
  state: z.enum(['stopped', 'starting', 'ready', 'restarting', 'failed']),
  machine: machineSchema.nullable(),
  version: z.string().nullable(),
  lastError: errorShapeSchema.nullable(),
  /** Deaths in the last ten minutes. */
  deaths: z.number().int(),
})
export type EngineStatus = z.infer<typeof engineStatusSchema>

export const hostInfoSchema = z.object({
  appVersion: z.string(),
  host: z.enum(['electron', 'web', 'cli']),
  /** True where a native folder dialog exists; the browser uses files.list instead. */
  hasDialogs: z.boolean(),
  canReveal: z.boolean(),
  dataDir: z.string(),
  platform: z.string(),
})
export type HostInfo = z.infer<typeof hostInfoSchema>

/** `model`: a folder, or a file that is a model by itself. */
const pickKindSchema = z.enum(['folder', 'file', 'model'])
export type PickKind = z.infer<typeof pickKindSchema>

export const fileEntrySchema = z.object({
  name: z.string(),
  path: z.string(),
  kind: z.enum(['folder', 'file']),
  /** Holds a config.json and weights. */
  isModel: z.boolean(),
  bytes: z.number().nullable(),
})

export const chatEventSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('loading'), modelId: z.string() }),
  z.object({ type: z.literal('prompt'), text: z.string(), tokens: z.number().int(), reusedTokens: z.number().int() }),
  z.object({ type: z.literal('prefill'), done: z.number().int(), total: z.number().int() }),
  /** Text to append; one event may carry several tokens. */
  z.object({ type: z.literal('text'), delta: z.string(), newTokens: z.number().int() }),
])
export type ChatEvent = z.infer<typeof chatEventSchema>

export const chatResultSchema = z.object({
  text: z.string(),
  newIds: z.array(z.number().int()),
  finishReason: finishReasonSchema,
  seed: z.number().int(),
  promptTokens: z.number().int(),
  reusedTokens: z.number().int(),
  timeToFirstTokenMs: z.number(),
  tokensPerSecond: z.number(),
  memory: memoryPartsSchema,
})
export type ChatResult = z.infer<typeof chatResultSchema>

/** Only prefill progress may be skipped; text may not. */
function latestChatEvent(event: ChatEvent): string | null {
  return event.type === 'prefill' ? 'prefill' : null
}

export const appContract = {
  'app.hello': call(z.object({ appVersion: z.string() }), hostInfoSchema),

  'engine.watch': stream(empty, engineStatusSchema, empty, () => 'status'),
  /** Memory and load of the machine and its GPUs, every few seconds. */
  'machine.watch': stream(empty, machineSchema, empty),
  'engine.restart': call(empty, empty),

  'settings.get': call(empty, settingsSchema),
  'settings.set': call(settingsChangeSchema, settingsSchema),

  'files.list': call(
    z.object({ path: z.string().nullable(), pick: pickKindSchema }),
    z.object({ path: z.string(), parent: z.string().nullable(), entries: z.array(fileEntrySchema) }),
  ),
  /** Native dialog (Electron only); null when dismissed. */
  'files.pick': call(z.object({ pick: pickKindSchema }), z.object({ path: z.string().nullable() })),
  'files.reveal': call(z.object({ path: z.string() }), empty),

  /** Snapshot, then a new snapshot after every change. */
  'models.watch': stream(empty, z.object({ models: z.array(modelSummarySchema) }), empty, () => 'models'),
  'models.list': call(empty, z.object({ models: z.array(modelSummarySchema) })),
  'models.add': call(z.object({ path: z.string() }), modelSummarySchema),
  'models.inspect': call(byId, modelDetailSchema),
  /** Deletes files of models made here; only forgets models that were added. */
  'models.remove': call(byId, empty),
  'models.rename': call(byId.extend({ name: z.string().min(1).max(120) }), modelSummarySchema),

  'presets.list': call(empty, z.object({ presets: z.array(presetSchema) })),
  'presets.save': call(presetSchema.omit({ builtIn: true }).partial({ id: true }), presetSchema),
  'presets.remove': call(byId, empty),

  /** The same arithmetic the window runs live, with this machine's memory filled in. */
  'quantize.estimate': call(
    z.object({ modelId: z.string(), config: quantConfigSchema, contextLength: z.number().int().min(1).optional() }),
    estimateSchema,
  ),
  'quantize.start': call(quantizeRequestSchema, jobRecordSchema),
  'dequantize.start': call(dequantizeRequestSchema, jobRecordSchema),

  /** What each layer of a model loses under each candidate; null when it was not measured as it is now. */
  'sensitivity.get': call(
    z.object({ modelId: z.string() }),
    z.object({ table: sensitivityTableSchema.nullable(), runs: z.array(predictedRunSchema) }),
  ),
  'sensitivity.start': call(sensitivityRequestSchema, jobRecordSchema),
  /** Quantized matrices and moments kept for next time. */
  'kept.usage': call(empty, z.object({ bytes: z.number(), files: z.number().int() })),
  'kept.clear': call(empty, empty),

  'hub.account': call(empty, hubAccountSchema),
  /** Asks the Hub whose token it is before it is kept. */
  'hub.login': call(z.object({ token: z.string().max(1000) }), hubAccountSchema),
  'hub.logout': call(empty, hubAccountSchema),
  'hub.search': call(
    z.object({ query: hubQuerySchema, cursor: z.string().nullable().default(null) }),
    z.object({ models: z.array(hubModelSchema), next: z.string().nullable() }),
  ),
  /** From a few hundred kilobytes: config.json, the headers of the weights, the card. */
  'hub.inspect': call(z.object({ repo: z.string(), revision: z.string().default('main') }), hubModelDetailSchema),
  'hub.download': call(downloadRequestSchema, jobRecordSchema),
  /** Quantizes each tensor as its bytes arrive; the original never lies on the disk as a whole. */
  'hub.quantize': call(downloadQuantizeRequestSchema, jobRecordSchema),
  /** What an upload would do. */
  'hub.planUpload': call(uploadRequestSchema, uploadPlanSchema),
  'hub.upload': call(uploadRequestSchema, jobRecordSchema),
  'hub.cache': call(empty, z.object({ cacheDir: z.string(), repos: z.array(cachedRepoSchema) })),
  /** One revision, or all of a repository. */
  'hub.removeFromCache': call(
    z.object({ type: z.enum(['model', 'dataset']), name: z.string(), commit: z.string().nullable() }),
    empty,
  ),

  ...visionMethods,

  'evaluate.start': call(evaluateRequestSchema, jobRecordSchema),

  'jobs.watch': stream(empty, z.object({ jobs: z.array(jobRecordSchema) }), empty, () => 'jobs'),
  'jobs.list': call(empty, z.object({ jobs: z.array(jobRecordSchema) })),
  /** First the whole detail, then pieces. */
  'jobs.follow': stream(
    byId,
    z.discriminatedUnion('type', [
      z.object({ type: z.literal('snapshot'), detail: jobDetailSchema }),
      z.object({ type: z.literal('record'), record: jobRecordSchema }),
      z.object({ type: z.literal('tensor'), tensor: tensorResultSchema }),
      z.object({ type: z.literal('log'), at: z.string(), text: z.string() }),
    ]),
    /** Ends when the job does. */
    jobRecordSchema,
    (event) => (event.type === 'record' ? 'record' : null),
  ),
  'jobs.cancel': call(byId, jobRecordSchema),
  /** Stops it for now; jobs.retry goes on. */
  'jobs.pause': call(byId, jobRecordSchema),
  /** Lets a waiting job go before the others. */
  'jobs.prioritize': call(byId, jobRecordSchema),
  /** Runs the same request again; a resumable one goes on from its last durable tensor. */
  'jobs.retry': call(byId, jobRecordSchema),
  /** Forgets the record and deletes what an unfinished job had kept. */
  'jobs.remove': call(byId, empty),

  'compare.rows': call(
    z.object({ modelId: z.string(), contextLength: z.number().int().min(1).optional() }),
    z.object({ sourceModelId: z.string(), rows: z.array(compareRowSchema) }),
  ),
  'compare.removeMeasurement': call(byId, empty),
  /** Answers of several versions to one prompt, and their divergence from the first, token by token. */
  'compare.answers': stream(sideBySideRequestSchema, sideBySideEventSchema, sideBySideResultSchema, (event) =>
    event.type === 'comparing' ? 'comparing' : null,
  ),
  /** Divergence of several versions from the first, token by token, on a text of a person's own. */
  'compare.text': stream(
    textComparisonRequestSchema,
    z.object({
      phase: z.enum(['load', 'compare']),
      done: z.number().int(),
      total: z.number().int(),
      modelId: z.string().nullable(),
    }),
    textComparisonResultSchema,
    () => 'progress',
  ),
  /** Two answers whose versions stay hidden until the vote. */
  'blind.ask': stream(
    blindRequestSchema,
    blindEventSchema,
    z.object({ id: z.string(), left: z.string(), right: z.string() }),
  ),
  'blind.vote': call(
    z.object({ id: z.string(), ballot: ballotSchema }),
    z.object({ left: z.string(), right: z.string(), tally: tallySchema }),
  ),
  'blind.tally': call(z.object({ modelIds: z.tuple([z.string(), z.string()]) }), tallySchema),
  'blind.clear': call(z.object({ modelIds: z.tuple([z.string(), z.string()]) }), empty),

  /** Measures what a report lacks, and gives the report as the text of a file. */
  'report.make': stream(
    reportRequestSchema,
    jobProgressSchema,
    z.object({ fileName: z.string(), mediaType: z.string(), text: z.string() }),
    () => 'progress',
  ),

  'chats.list': call(
    empty,
    z.object({
      chats: z.array(
        conversationSchema.pick({ id: true, title: true, modelId: true, createdAt: true, updatedAt: true }),
      ),
    }),
  ),
  'chats.get': call(byId, conversationSchema),
  'chats.save': call(conversationSchema, conversationSchema),
  'chats.remove': call(byId, empty),
  /** The prompt exactly as the model will see it. */
  'chat.render': call(
    z.object({ modelId: z.string(), messages: z.array(chatMessageSchema) }),
    z.object({ text: z.string(), ids: z.array(z.number().int()) }),
  ),
  'chat.generate': stream(
    z.object({
      modelId: z.string(),
      messages: z.array(chatMessageSchema).min(1),
      sampling: samplingSchema,
    }),
    chatEventSchema,
    chatResultSchema,
    latestChatEvent,
  ),
  /** Plain continuation of a text, without a chat template. */
  'text.generate': stream(
    z.object({ modelId: z.string(), prompt: z.string(), sampling: samplingSchema }),
    chatEventSchema,
    chatResultSchema,
    latestChatEvent,
  ),
} as const
export type AppContract = typeof appContract
