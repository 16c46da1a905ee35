/** Search on the Hub, page by page, and what its descriptions of models mean here. */
import { z } from 'zod'
import { AppError } from '../contract/errors.ts'
import type { HubModel, HubQuery } from '../contract/hub.ts'
import { quantFormatOf } from './formats.ts'
import type { HubClient } from './hub-client.ts'

const numberOr = z.number().nonnegative().catch(0)
const text = z.string().nullish().catch(null)
const describedSchema = z.looseObject({
  id: z.string(),
  private: z.boolean().catch(false),
  gated: z.union([z.boolean(), z.string()]).nullish().catch(false),
  downloads: numberOr,
  likes: numberOr,
  lastModified: text,
  tags: z.array(z.string()).catch([]),
  pipeline_tag: text,
  config: z.record(z.string(), z.unknown()).nullish().catch(null),
  safetensors: z.looseObject({ total: z.number().nonnegative() }).nullish().catch(null),
  siblings: z
    .array(z.looseObject({ rfilename: z.string() }))
    .nullish()
    .catch(null),
})

export type DescribedModel = Omit<HubModel, 'problem' | 'roughBytes' | 'fits'>

const SORTS = { downloads: 'downloads', likes: 'likes', updated: 'lastModified', trending: 'trendingScore' } as const
const EXPANDED = [
  'author',
  'config',
  'downloads',
  'gated',
  'lastModified',
  'likes',
  'pipeline_tag',
  'private',
  'safetensors',
  'tags',
]
const PAGE = 50

/** One page and the address of the next. `cursor` is an earlier answer's `next`. */
export async function searchHub(
  client: HubClient,
  query: HubQuery,
  cursor: string | null,
  signal?: AbortSignal,
): Promise<{ models: DescribedModel[]; next: string | null }> {
  const { value, answer } = await client.json(pageAddress(client.endpoint, query, cursor), { signal })
  const models = z
    .array(z.unknown())
    .parse(value)
    .flatMap((entry) => described(entry) ?? [])
  return { models, next: nextPage(answer.header('link'), client.endpoint) }
}

/** Null for what is no description of a model. */
export function described(entry: unknown): DescribedModel | null {
  const parsed = describedSchema.safeParse(entry)
  if (!parsed.success) return null
  const { id, tags, config, gated, safetensors, lastModified, siblings } = parsed.data
  const architectures = z.array(z.string()).safeParse(config?.architectures)
  const files = (siblings ?? []).map(({ rfilename }) => rfilename)
  return {
    name: id,
    private: parsed.data.private,
    gated: gated === 'manual' ? 'manual' : gated ? 'auto' : 'no',
    downloads: parsed.data.downloads,
    likes: parsed.data.likes,
    updatedAt: lastModified ?? null,
    licence: tags.find((tag) => tag.startsWith('license:'))?.slice('license:'.length) ?? null,
    architecture: architectures.data?.[0] ?? null,
    task: parsed.data.pipeline_tag ?? null,
    parameters: safetensors?.total ?? null,
    quantized: quantFormatOf({ tags, config: config ?? null, files }),
  }
}

function firstPage(endpoint: string, { text: words, author, sort, licence }: HubQuery): string {
  const url = new URL(`${endpoint}/api/models`)
  const add = (name: string, value: string) => value !== '' && url.searchParams.append(name, value)
  add('search', words.trim())
  add('author', author.trim())
  if (licence !== '') add('filter', `license:${licence}`)
  add('sort', SORTS[sort])
  add('direction', '-1')
  add('limit', String(PAGE))
  for (const name of EXPANDED) add('expand[]', name)
  return url.href
}

function pageAddress(endpoint: string, query: HubQuery, cursor: string | null): string {
  if (cursor === null) return firstPage(endpoint, query)
  if (cursor.startsWith(`${endpoint}/api/models?`)) return cursor
  throw new AppError('bad-input', 'This is not the next page of a search.')
}

/** Only the Hub's own address is followed: the token goes with it. */
function nextPage(link: string | null, endpoint: string): string | null {
  const next = /<([^>]+)>\s*;\s*rel="next"/.exec(link ?? '')?.[1]
  if (next === undefined || !URL.canParse(next, endpoint)) return null
  const url = new URL(next, endpoint)
  return url.origin === new URL(endpoint).origin ? url.href : null
}
