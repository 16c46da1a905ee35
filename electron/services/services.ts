/** All services, built in the order of what needs what. The only place that knows them all. */
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Starter } from '../engine/starter.ts'
import { createSupervisor, type Supervisor } from '../engine/supervisor.ts'
import type { Environment } from '../hub/environment.ts'
import type { Platform } from '../platform/platform.ts'
import { createTokenizers, type Tokenizers } from '../tokenizer/tokenizers.ts'
import { createWorkerTransport } from '../tokenizer/worker-transport.ts'
import type { AccuracyDeps } from './accuracy.ts'
import { type BlindVotes, createBlindVotes } from './blind-votes.ts'
import { type CandidateFiles, createCandidateFiles } from './candidate-files.ts'
import { type Chat, createChat, type RunOptions } from './chat.ts'
import { type Compare, createCompare } from './compare.ts'
import { type Conversations, createConversations } from './conversations.ts'
import { demoModels } from './demos.ts'
import { createDequantizing, type Dequantizing } from './dequantize-kind.ts'
import { createDevices, type Devices } from './devices.ts'
import { engineStarted } from './engine-settings.ts'
import { createEvaluator } from './evaluate.ts'
import { watchFolder } from './folder-watch.ts'
import { createGgufFolders } from './gguf/folders.ts'
import { createDownloadKind } from './hub/download-kind.ts'
import { createHub, DEFAULT_HUB_TUNING, type Hub, type HubTuning } from './hub/hub.ts'
import { hubNames } from './hub/source-name.ts'
import { createStreamQuantizing, type StreamQuantizing } from './hub/stream-kind.ts'
import { createUploads, type Uploads } from './hub/upload-kind.ts'
import type { JobKinds } from './job-kind.ts'
import { createJobs, type Jobs } from './jobs.ts'
import { createLibrary, type Library } from './library.ts'
import { createLoadedModels, type LoadedModels } from './loaded-models.ts'
import { createMachineInfo, freeDiskBytes, type MachineInfo } from './machine.ts'
import { createMeasurements, type Measurements } from './measurements.ts'
import { createModelReader } from './model-reader.ts'
import { createModels, type Models } from './models.ts'
import type { PerplexityDeps } from './perplexity.ts'
import { createPictures, type Pictures } from './pictures.ts'
import { createPresets, type Presets } from './presets.ts'
import { createQuantizeKind } from './quantize.ts'
import { createQuantizePlanner, type QuantizePlanner } from './quantize-plan.ts'
import { createReports, type Reports } from './reports.ts'
import { createResultPlaces } from './result-places.ts'
import { createSensitivity, type Sensitivity } from './sensitivity.ts'
import { createSettings, type SettingsService } from './settings.ts'
import type { SideBySideDeps } from './side-by-side.ts'
import { openStores } from './stores.ts'
import { createZeroShot, type ZeroShot } from './zero-shot.ts'

export interface ServicesOptions {
  readonly platform: Platform
  readonly starter: Starter
  readonly tokenizerScript: string | URL
  readonly moverScript: string | URL
  readonly log: (line: string) => void
  /** What the Hub's names are read from (HF_TOKEN, HF_HOME, ...). */
  readonly env: Environment
  /** Shorter patience and smaller pieces, for tests. */
  readonly hubTuning?: HubTuning | undefined
}

export interface Services {
  supervisor: Supervisor
  tokenizers: Tokenizers
  settings: SettingsService
  library: Library
  models: Models
  loaded: LoadedModels
  machine: MachineInfo
  devices: Devices
  measurements: Measurements
  presets: Presets
  sensitivity: Sensitivity
  kept: CandidateFiles
  planner: QuantizePlanner
  /** What measuring perplexity needs. */
  perplexity: PerplexityDeps
  jobs: Jobs
  /** The work itself, for hosts that run one piece of it without a record. */
  kinds: JobKinds
  compare: Compare
  /** What comparing versions with each other needs. */
  differences: SideBySideDeps
  blindVotes: BlindVotes
  reports: Reports
  hub: Hub
  uploads: Uploads
  streamQuantizing: StreamQuantizing
  dequantizing: Dequantizing
  chat: Chat
  conversations: Conversations
  pictures: Pictures
  zeroShot: ZeroShot
  /** What measuring accuracy needs. */
  accuracy: AccuracyDeps
  /** Evaluation text that ships with the app. */
  bundledText: string
  tempDir: string
  home: string
  dispose(): Promise<void>
}

/** A model nobody used for this long is unloaded. */
const IDLE_MS = 10 * 60_000
/** Of logits, on the disk while two models that do not fit in memory together are compared. */
const LOGIT_FILE_BYTES = 2e9

export async function createServices({
  platform,
  starter,
  tokenizerScript,
  moverScript,
  log,
  env,
  hubTuning = DEFAULT_HUB_TUNING,
}: ServicesOptions): Promise<Services> {
  const { dataDir, resourcesDir } = platform
  const now = () => new Date()
  const inData = (...names: string[]) => join(dataDir, ...names)
  const bundledText = join(resourcesDir, 'demo-model', 'eval.txt')
  const tempDir = inData('tmp')

  const stores = await openStores(dataDir, log)

  const supervisor = createSupervisor({
    starter,
    log,
    onStarted: (engine) => engineStarted(engine, stores.settings.get()),
  })
  const tokenizers = createTokenizers(createWorkerTransport(tokenizerScript))
  const machine = createMachineInfo(supervisor)
  const devices = createDevices(machine)
  const loaded = createLoadedModels({ engine: supervisor, devices, idleMs: IDLE_MS })
  const stopWatching = supervisor.watch(({ state }) => {
    if (state !== 'ready') loaded.forget()
  })

  const hub = createHub({
    env,
    home: homedir(),
    dataDir,
    secrets: platform.secrets ?? null,
    machine,
    settings: () => stores.settings.get(),
    freeBytes: freeDiskBytes,
    tuning: hubTuning,
    moverScript,
  })
  const outputDir = () => stores.settings.get().outputDir ?? inData('models')
  const library = createLibrary({
    records: stores.library,
    demos: demoModels(resourcesDir),
    wantsOptionalDemos: () => stores.settings.get().visionDemos,
    outputDir,
    scanDirs: () => stores.settings.get().modelDirs,
    hub: hubNames(hub.environment.cacheDir),
    now,
  })
  const models = createModels({
    library,
    reader: createModelReader(supervisor),
    gguf: createGgufFolders(supervisor, inData('gguf')),
  })
  const settings = createSettings(stores.settings, async (changed, before) => {
    if (changed.threads !== before.threads) await engineStarted(supervisor, changed)
    models.changed()
  })
  const measurements = createMeasurements(stores.measurements)
  const defaults = (): RunOptions => {
    const { computeDtype, contextLength, device } = settings.get()
    return { computeDtype, contextLength, device, fast: true }
  }
  // Before the engine has told its devices, and where a chosen one is not there, predictions are for the CPU.
  const runsOn = () =>
    devices.choose(settings.get().device).then(
      ({ kind }) => kind,
      () => 'cpu' as const,
    )
  const pictures = createPictures(inData('images'))
  const conversations = createConversations(stores.conversations)
  // What no conversation shows stays until the app is started again, so that a removed one can come back whole.
  if (platform.host !== 'cli') await pictures.keepOnly(await conversations.pictures())
  const seeing = {
    engine: supervisor,
    tokenizers,
    models,
    loaded,
    pictures,
    defaults,
    tempDir,
    clock: () => performance.now(),
  }
  const accuracy = { ...seeing, zeroShot: createZeroShot(seeing) }
  const perplexity = { engine: supervisor, tokenizers, loaded, machine, tempDir }
  const clock = () => performance.now()
  const randomSeed = () => Math.floor(Math.random() * 2 ** 32)
  const differences: SideBySideDeps = {
    ...perplexity,
    models,
    freeBytes: freeDiskBytes,
    logitFileBytes: LOGIT_FILE_BYTES,
    defaults,
    clock,
    randomSeed,
  }
  const evaluator = createEvaluator({
    ...differences,
    measurements,
    accuracy,
    bundledText,
    readDataset: hub.readDataset,
    now,
  })
  const kept = createCandidateFiles(inData('candidates'), () => settings.get().keptBytes)
  const planner = createQuantizePlanner({
    models,
    machine,
    device: () => settings.get().device,
    outputDir,
    contextLength: () => settings.get().contextLength,
    freeBytes: freeDiskBytes,
  })
  const places = createResultPlaces({ models, library, record: measurements.addRun, measure: evaluator.measure })
  const quantize = createQuantizeKind({
    engine: supervisor,
    models,
    library,
    loaded,
    machine,
    devices,
    planner,
    places,
    tokenizers,
    tempDir,
    kept,
    now,
  })
  const streamQuantizing = createStreamQuantizing({
    hub,
    engine: supervisor,
    loaded,
    models,
    library,
    machine,
    planner,
    devices,
    device: () => settings.get().device,
    quantize,
    places,
    now,
  })
  const uploads = createUploads({ hub, models, measurements })
  const dequantizing = createDequantizing({ engine: supervisor, models, library, loaded, planner })
  const compare = createCompare({ models, measurements, runsOn })
  const sensitivity = createSensitivity({
    compare,
    engine: supervisor,
    models,
    loaded,
    machine,
    tokenizers,
    tables: stores.sensitivity,
    kept,
    tempDir,
    now,
  })
  const kinds: JobKinds = {
    quantize,
    sensitivity: sensitivity.kind,
    evaluate: evaluator.kind,
    download: createDownloadKind({ hub, library, models }),
    'download-quantize': streamQuantizing.kind,
    upload: uploads.kind,
    dequantize: dequantizing.kind,
  }
  // The command line runs its work without records: the jobs of a window that is open beside it are not its own.
  const jobs = createJobs({ kinds, records: stores.jobs, now })
  if (platform.host !== 'cli') await jobs.recover()
  // What the command line makes beside a window is recorded in the library: there the window sees it.
  const stopWatchingLibrary = platform.host === 'cli' ? () => {} : watchFolder(inData('library'), models.changed)

  return {
    supervisor,
    tokenizers,
    settings,
    library,
    models,
    loaded,
    machine,
    devices,
    measurements,
    presets: createPresets(stores.presets),
    sensitivity,
    kept,
    planner,
    perplexity,
    jobs,
    kinds,
    compare,
    differences,
    reports: createReports({
      models,
      library,
      measurements,
      machine,
      differences,
      evaluate: evaluator.kind,
      contextLength: () => settings.get().contextLength,
      runsOn,
      now,
    }),
    blindVotes: createBlindVotes({ ...differences, votes: stores.votes, now }),
    hub,
    uploads,
    streamQuantizing,
    dequantizing,
    chat: createChat({
      engine: supervisor,
      tokenizers,
      models,
      loaded,
      pictures,
      tempDir,
      defaults,
      clock,
      randomSeed,
    }),
    conversations,
    pictures,
    zeroShot: accuracy.zeroShot,
    accuracy,
    bundledText,
    tempDir,
    home: homedir(),
    async dispose() {
      await jobs.dispose()
      await hub.dispose()
      stopWatching()
      stopWatchingLibrary()
      loaded.dispose()
      tokenizers.dispose()
      await supervisor.dispose()
    },
  }
}
