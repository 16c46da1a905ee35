/** `search`, `download`, `upload`, `cache`: the Hub from the command line. */
import type { Command } from 'commander'
import { AppError } from '../contract/errors.ts'
import { HUB_SORTS, type HubModel, type HubQuery, hubQuerySchema } from '../contract/hub.ts'
import { checkRepoName } from '../hub/path-names.ts'
import { formatDisk, significant } from '../plan/units.ts'
import { integer } from './arguments.ts'
import { fields, snakeCase, table, UsageError } from './output.ts'
import { type CliHost, type CommonOptions, common, runInSession, type Session, workContext } from './session.ts'

interface SearchOptions extends CommonOptions {
  author?: string
  sort: HubQuery['sort']
  fits?: boolean
  supported?: boolean
  quantized: HubQuery['quantized']
  licence?: string
  limit: number
}

interface DownloadOptions extends CommonOptions {
  revision: string
  allFiles?: boolean
}

interface UploadOptions extends CommonOptions {
  model: string
  repo: string
  public?: boolean
  dryRun?: boolean
}

interface CacheOptions extends CommonOptions {
  remove?: string
  commit?: string
  dataset?: boolean
}

export function addHubCommands(program: Command, host: CliHost): void {
  const search = program
    .command('search')
    .description('Find models on the Hub, with what they would need here.')
    .argument('[words...]', 'words in the name')
    .option('--author <name>', 'a user or an organization')
    .option('--sort <order>', `one of ${HUB_SORTS.join(', ')}`, 'downloads')
    .option('--fits', "only those whose 4-bit version runs in this machine's memory")
    .option('--supported', 'only architectures that run here')
    .option('--quantized <which>', 'any, only or none', 'any')
    .option('--licence <name>', 'as the Hub writes it: apache-2.0, mit, ...')
    .option('--limit <n>', 'most results', integer(1, 10_000), 20)
  common(search).action((words: string[], options: SearchOptions) =>
    runInSession(host, options, (session) => find(session, words, options)),
  )
  const download = program
    .command('download')
    .description(
      "Fetch a model into the cache that Python's huggingface_hub shares. Started again, it goes on where it was.",
    )
    .argument('<repo>', 'owner/name')
    .option('--revision <name>', 'a branch, tag or commit', 'main')
    .option('--all-files', 'everything in the repository, not only what is read here')
  common(download).action((repo: string, options: DownloadOptions) =>
    runInSession(host, options, (session) => fetchRepo(session, repo, options)),
  )
  const upload = program
    .command('upload')
    .description('Put a model that was quantized here on the Hub, private unless told otherwise. Resumed by file.')
    .requiredOption('--model <model>', 'model folder, or id or name from the library')
    .requiredOption('--repo <repo>', 'owner/name; made when it is not there')
    .option('--public', 'make a new repository public')
    .option('--dry-run', 'show what would go up, and the card')
  common(upload).action((options: UploadOptions) => runInSession(host, options, (session) => send(session, options)))
  const cache = program
    .command('cache')
    .description('What is in the cache of the Hub, and taking things out of it.')
    .option('--remove <repo>', 'delete a repository from the cache')
    .option('--commit <hash>', 'with --remove: only this revision and what only it needs')
    .option('--dataset', 'with --remove: it is a dataset')
  common(cache).action((options: CacheOptions) => runInSession(host, options, (session) => showCache(session, options)))
}

async function find({ services, signal }: Session, words: string[], { limit, ...options }: SearchOptions) {
  const parsed = hubQuerySchema.safeParse({ ...options, text: words.join(' ') })
  if (!parsed.success)
    throw new UsageError(`--${String(parsed.error.issues[0]?.path[0])} has a value that is not known.`)
  const models: HubModel[] = []
  let cursor: string | null = null
  do {
    const page = await services.hub.search(parsed.data, cursor, signal)
    models.push(...page.models)
    cursor = page.next
  } while (cursor !== null && models.length < limit)
  const shown = models.slice(0, limit)
  const rows = shown.map((model) => [
    model.name,
    model.parameters === null ? '?' : `${significant(model.parameters / 1e9)} B`,
    model.quantized?.label ?? model.architecture ?? '?',
    model.roughBytes === null ? '?' : formatDisk(model.roughBytes),
    model.fits ?? '?',
    model.licence ?? '?',
    String(model.downloads),
    model.gated === 'no' ? '' : 'gated',
  ])
  return {
    text: table(['name', 'parameters', 'stored as', '4-bit, about', 'here', 'licence', 'downloads', ''], rows),
    json: { models: snakeCase(shown) },
  }
}

async function fetchRepo(session: Session, name: string, { revision, allFiles = false }: DownloadOptions) {
  const { services } = session
  const startedAt = performance.now()
  const repo = checkRepoName(name)
  const request = { repo, revision, allFiles }
  const { resultModelId } = await services.kinds.download.run(request, workContext(session)).catch((error: unknown) => {
    session.progress.note('What has arrived is kept: run the same command again to go on from there.')
    throw error
  })
  const model = resultModelId === null ? null : await services.models.summary(resultModelId)
  const seconds = (performance.now() - startedAt) / 1000
  const path = model?.path ?? null
  const text = fields([
    ['repository', repo],
    ['folder', path ?? 'in the cache; it is no model that is read here'],
    ['weights', model === null ? '' : `${model.dtype}, ${formatDisk(model.fileBytes)}`],
    ['runs', model === null ? '' : (model.runProblem?.message ?? 'yes')],
    ['took', `${significant(seconds)} s`],
  ])
  return { text, json: { repo, path, model_id: resultModelId, seconds } }
}

async function send(session: Session, options: UploadOptions) {
  const { services, signal } = session
  const model = await services.models.open(options.model)
  const request = { modelId: model.id, repo: options.repo, private: options.public !== true }
  const plan = await services.uploads.plan(request, signal)
  if (!options.dryRun) await services.kinds.upload.run(request, workContext(session))
  const rows = plan.files.map(({ path, bytes, state }) => [path, formatDisk(bytes), state])
  const head = fields([
    ['repository', `${plan.page}${plan.exists ? '' : options.dryRun ? ' (would be made)' : ' (made)'}`],
    ['visible to', plan.private ? 'you and those you let in' : 'everybody'],
    [options.dryRun ? 'would be sent' : 'sent', formatDisk(plan.bytes)],
  ])
  const card = options.dryRun ? `\n\nREADME.md:\n\n${plan.card}` : ''
  return {
    text: `${head}\n\n${table(['file', 'size', 'state'], rows)}${card}`,
    json: snakeCase({ dryRun: options.dryRun ?? false, ...plan }),
  }
}

async function showCache({ services }: Session, { remove, commit, dataset }: CacheOptions) {
  if (remove === undefined && commit !== undefined) throw new UsageError('--commit goes with --remove.')
  if (remove !== undefined) {
    await services.hub.removeFromCache(
      { type: dataset ? 'dataset' : 'model', name: checkRepoName(remove) },
      commit ?? null,
    )
  }
  const repos = await services.hub.cache()
  const rows = repos.map((repo) => [
    repo.name,
    repo.type,
    formatDisk(repo.bytes),
    repo.unfinishedBytes === 0 ? '' : formatDisk(repo.unfinishedBytes),
    repo.revisions
      .map((one) => `${one.commit.slice(0, 8)}${one.refs.length > 0 ? ` (${one.refs.join(', ')})` : ''}`)
      .join(' '),
  ])
  const { cacheDir } = services.hub.environment
  return {
    text: `${cacheDir}\n\n${table(['repository', 'kind', 'size', 'unfinished', 'revisions'], rows)}`,
    json: snakeCase({ cacheDir, repos }),
  }
}

/** For `quantize --hub`: a name that is surely meant for the Hub. */
export function hubRepo(text: string): string {
  try {
    return checkRepoName(text)
  } catch (error) {
    throw new UsageError(error instanceof AppError ? error.message : String(error))
  }
}
