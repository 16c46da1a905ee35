/** The fake Hub's search: words, author, tags, order, and pages by a cursor. */
import type { FakeRepo } from './fake-repos.ts'

const PAGE = 100

/** The page and its headers. */
export function searchModels(
  repos: readonly FakeRepo[],
  url: URL,
  endpoint: string,
  account: { readonly name: string } | null,
): [unknown[], Record<string, string>] {
  const { searchParams } = url
  const words = (searchParams.get('search') ?? '').toLowerCase().split(/\s+/).filter(Boolean)
  const author = searchParams.get('author')
  const tags = searchParams.getAll('filter').flatMap((value) => value.split(','))
  const sort = searchParams.get('sort') ?? 'downloads'
  const limit = Math.min(PAGE, Number(searchParams.get('limit') ?? PAGE))
  const from = Number(searchParams.get('cursor') ?? 0)
  const found = repos
    .filter(({ type }) => type === 'model')
    .filter((repo) => !repo.private || repo.name.startsWith(`${account?.name}/`))
    .filter(({ name }) => words.every((word) => name.toLowerCase().includes(word)))
    .filter(({ name }) => author === null || name.startsWith(`${author}/`))
    .filter(({ info }) => tags.every((tag) => Array.isArray(info.tags) && info.tags.includes(tag)))
    .sort((a, b) => compare(b.info[sort], a.info[sort]))
  const page = found.slice(from, from + limit).map((repo) => ({
    _id: 'mongo',
    id: repo.name,
    modelId: repo.name,
    private: repo.private,
    gated: repo.gated,
    downloads: 0,
    likes: 0,
    tags: [],
    ...repo.info,
  }))
  const next = new URL(url.pathname + url.search, endpoint)
  next.searchParams.set('cursor', String(from + limit))
  return [page, from + limit < found.length ? { link: `<${next.href}>; rel="next"` } : {}]
}

function compare(a: unknown, b: unknown): number {
  const [x, y] = [a ?? 0, b ?? 0].map((value) => (typeof value === 'number' ? value : String(value)))
  return x === y ? 0 : (x ?? 0) < (y ?? 0) ? -1 : 1
}
