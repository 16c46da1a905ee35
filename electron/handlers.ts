/** The application's contract, method by method, over the services. No logic: what is decided here is who answers. */

import type { AppContract } from './contract/app.ts'
import { AppError, type ErrorShape } from './contract/errors.ts'
import { APP_VERSION } from './contract/version.ts'
import type { Platform } from './platform/platform.ts'
import type { Handlers } from './rpc/server.ts'
import { keptAccuracy } from './services/accuracy-record.ts'
import { messagesPrompt } from './services/chat.ts'
import { samplePictures } from './services/demos.ts'
import { watchEngine, watchMachine } from './services/engine-watch.ts'
import { listFiles } from './services/files.ts'
import { pinned } from './services/hub/download-kind.ts'
import { listLabelled } from './services/pictures-with-labels.ts'
import { makeReportFile } from './services/report-file.ts'
import type { Services } from './services/services.ts'
import { sideBySide } from './services/side-by-side.ts'
import { compareOnText } from './services/text-comparison.ts'

export function createHandlers(services: Services, platform: Platform): Handlers<AppContract> {
  const {
    supervisor,
    settings,
    models,
    presets,
    planner,
    jobs,
    compare,
    measurements,
    chat,
    conversations,
    loaded,
    machine,
  } = services
  const { sensitivity, kept } = services
  const { hub, uploads, streamQuantizing, pictures, zeroShot, blindVotes } = services
  const contextOr = (length: number | undefined) => length ?? settings.get().contextLength

  return {
    'app.hello': ({ appVersion }) => {
      if (appVersion !== APP_VERSION) throw versionMismatch(appVersion)
      return {
        appVersion: APP_VERSION,
        host: platform.host,
        hasDialogs: platform.pickPath !== undefined,
        canReveal: platform.revealPath !== undefined,
        dataDir: platform.dataDir,
        platform: process.platform,
      }
    },

    'engine.watch': (_, context) => watchEngine(supervisor, context),
    'machine.watch': (_, context) => watchMachine(machine, context),
    'engine.restart': async () => {
      await supervisor.restart()
      return {}
    },

    'settings.get': () => settings.get(),
    'settings.set': (change) => settings.set(change),

    'files.list': ({ path, pick }) => listFiles(path, pick, services.home),
    'files.pick': async ({ pick }) => {
      if (platform.pickPath === undefined) throw new AppError('unsupported', 'There is no file dialog here.')
      return { path: await platform.pickPath(pick) }
    },
    'files.reveal': async ({ path }) => {
      if (platform.revealPath === undefined) throw new AppError('unsupported', 'There is no file manager here.')
      await platform.revealPath(path)
      return {}
    },

    'models.watch': (_, context) => models.watch(context),
    'models.list': () => models.list(),
    'models.add': ({ path }) => models.add(path),
    'models.inspect': ({ id }) => models.detail(id),
    'models.remove': async ({ id }) => {
      const { path } = await models.find(id)
      await loaded.unload(path)
      await models.remove(id)
      await measurements.forget(id)
      await blindVotes.forgetModel(id)
      await sensitivity.forget(id)
      return {}
    },
    'models.rename': ({ id, name }) => models.rename(id, name),

    'presets.list': () => presets.list(),
    'presets.save': (preset) => presets.save(preset),
    'presets.remove': async ({ id }) => {
      await presets.remove(id)
      return {}
    },

    'quantize.estimate': ({ modelId, config, contextLength }) =>
      planner.estimate(modelId, config, contextOr(contextLength)),
    'quantize.start': async (request) => jobs.start({ kind: 'quantize', request: await planner.complete(request) }),
    'dequantize.start': async (request) =>
      jobs.start({ kind: 'dequantize', request: await services.dequantizing.complete(request) }),
    'sensitivity.get': async ({ modelId }) => {
      const table = await sensitivity.table(modelId)
      return { table, runs: table === null ? [] : await sensitivity.runs(table) }
    },
    'sensitivity.start': (request) => jobs.start({ kind: 'sensitivity', request }),
    'kept.usage': () => kept.usage(),
    'kept.clear': async () => {
      await kept.clear()
      return {}
    },

    'hub.account': (_, { signal }) => hub.account(signal),
    'hub.login': ({ token }, { signal }) => hub.login(token, signal),
    'hub.logout': (_, { signal }) => hub.logout(signal),
    'hub.search': ({ query, cursor }, { signal }) => hub.search(query, cursor, signal),
    'hub.inspect': ({ repo, revision }, { signal }) => hub.inspect(repo, revision, signal),
    'hub.download': async (request) => jobs.start({ kind: 'download', request: await pinned(hub, request) }),
    'hub.quantize': async (request) =>
      jobs.start({ kind: 'download-quantize', request: await streamQuantizing.complete(request) }),
    'hub.planUpload': (request, { signal }) => uploads.plan(request, signal),
    'hub.upload': (request) => jobs.start({ kind: 'upload', request }),
    'hub.cache': async () => ({ cacheDir: hub.environment.cacheDir, repos: await hub.cache() }),
    'hub.removeFromCache': async ({ type, name, commit }) => {
      await hub.removeFromCache({ type, name }, commit)
      models.changed()
      return {}
    },

    'images.add': ({ source }) => pictures.add(source),
    'images.thumbnail': ({ image, size }) => pictures.thumbnail(image, size),
    'images.list': ({ dir, labels }) => listLabelled(pictures, dir, labels),
    'vision.classify': (request, context) =>
      zeroShot.classify(request, {
        ...pictureCalls(context),
        onImage: (index, scores) => context.emit({ type: 'image', index, ...scores }),
      }),
    'vision.embed': (request, context) =>
      zeroShot.embed(request, {
        ...pictureCalls(context),
        onImage: (index, embedding) => context.emit({ type: 'image', index, embedding }),
      }),
    'vision.search': async (request, context) => ({
      hits: await zeroShot.search(request, {
        ...pictureCalls(context),
        onProgress: (done, total) => context.emit({ type: 'progress', done, total }),
      }),
    }),

    'vision.accuracy': (request, { signal, emit }) =>
      keptAccuracy(services, request, { signal, onProgress: (done, total) => emit({ done, total }) }),
    'vision.samples': () => ({ samples: samplePictures(platform.resourcesDir) }),

    'evaluate.start': (request) => jobs.start({ kind: 'evaluate', request }),

    'jobs.watch': (_, context) => jobs.watch(context),
    'jobs.list': () => jobs.list(),
    'jobs.follow': ({ id }, context) => jobs.follow(id, context),
    'jobs.cancel': ({ id }) => jobs.cancel(id),
    'jobs.pause': ({ id }) => jobs.pause(id),
    'jobs.prioritize': ({ id }) => jobs.prioritize(id),
    'jobs.retry': ({ id }) => jobs.retry(id),
    'jobs.remove': async ({ id }) => {
      await jobs.remove(id)
      return {}
    },

    'compare.rows': ({ modelId, contextLength }) => compare.rows(modelId, contextOr(contextLength)),
    'compare.answers': (request, context) => sideBySide(services.differences, request, context),
    'compare.text': (request, context) => compareOnText(services.differences, request, context),
    'blind.ask': (request, context) => blindVotes.ask(request, context),
    'blind.vote': ({ id, ballot }) => blindVotes.vote(id, ballot),
    'blind.tally': ({ modelIds }) => blindVotes.tally(modelIds),
    'blind.clear': async ({ modelIds }) => {
      await blindVotes.clear(modelIds)
      return {}
    },
    'compare.removeMeasurement': async ({ id }) => {
      await measurements.remove(id)
      return {}
    },

    'report.make': (request, context) => makeReportFile(services.reports, request, context),

    'chats.list': () => conversations.list(),
    'chats.get': ({ id }) => conversations.get(id),
    'chats.save': (conversation) => conversations.save(conversation),
    'chats.remove': async ({ id }) => {
      await conversations.remove(id)
      return {}
    },
    'chat.render': ({ modelId, messages }) => chat.render(modelId, messages),
    'chat.generate': ({ modelId, messages, sampling }, context) =>
      chat.generate({ modelId, prompt: messagesPrompt(messages), sampling }, context),
    'text.generate': ({ modelId, prompt, sampling }, context) =>
      chat.generate({ modelId, prompt: { kind: 'text', text: prompt }, sampling }, context),
  }
}

type PictureEvent = { type: 'loading' } | { type: 'problem'; index: number; error: ErrorShape }

/** What all work on pictures tells. */
function pictureCalls({ signal, emit }: { signal: AbortSignal; emit(event: PictureEvent): void }) {
  return {
    signal,
    wait: false,
    onLoading: () => emit({ type: 'loading' }),
    onProblem: (index: number, error: ErrorShape) => emit({ type: 'problem', index, error }),
  }
}

function versionMismatch(theirs: string): AppError {
  return new AppError(
    'version-mismatch',
    `This page belongs to version ${theirs}, the app is version ${APP_VERSION}. Reload the page.`,
  )
}
