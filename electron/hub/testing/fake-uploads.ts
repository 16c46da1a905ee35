/** The fake Hub's side of an upload: new repositories, large files to the storage, then a commit. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { z } from 'zod'
import { commitFiles, type FakeRepo, fakeFile } from './fake-repos.ts'

export interface UploadsDeps {
  repos: Map<string, FakeRepo>
  storageUrl: string
  readBody(request: IncomingMessage): Promise<Buffer>
}

const createSchema = z.object({
  name: z.string(),
  organization: z.string().optional(),
  type: z.enum(['model', 'dataset']).default('model'),
  visibility: z.string().optional(),
  private: z.boolean().optional(),
})
const preuploadSchema = z.object({
  files: z.array(z.object({ path: z.string(), size: z.number(), sample: z.string() })),
})
const batchSchema = z.object({ objects: z.array(z.object({ oid: z.string(), size: z.number() })) })
const lineSchema = z.discriminatedUnion('key', [
  z.object({ key: z.literal('header'), value: z.looseObject({ summary: z.string() }) }),
  z.object({
    key: z.literal('file'),
    value: z.object({ path: z.string(), content: z.string(), encoding: z.string() }),
  }),
  z.object({ key: z.literal('lfsFile'), value: z.object({ path: z.string(), oid: z.string() }) }),
  z.object({ key: z.literal('deletedFile'), value: z.object({ path: z.string() }) }),
])

export function createUploads({ repos, storageUrl, readBody }: UploadsDeps) {
  /** Contents that were uploaded, by hash, whether a commit names them or not. */
  const objects = new Map<string, Buffer>()

  function answer(response: ServerResponse, status: number, body: unknown): void {
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(JSON.stringify(body))
  }

  return {
    async create(request: IncomingMessage, response: ServerResponse, account: { name: string }): Promise<void> {
      const body = createSchema.parse(JSON.parse((await readBody(request)).toString()))
      const name = `${body.organization ?? account.name}/${body.name}`
      if (repos.has(name)) {
        return answer(response, 409, { error: 'You already created this model repo' })
      }
      const repo: FakeRepo = {
        type: body.type,
        name,
        private: body.private ?? body.visibility === 'private',
        gated: false,
        info: {},
        commits: [],
      }
      repos.set(name, repo)
      commitFiles(repo, { '.gitattributes': Buffer.from('*.safetensors filter=lfs\n') })
      answer(response, 200, { url: `https://hub/${name}`, id: name })
    },
    async preupload(request: IncomingMessage, response: ServerResponse): Promise<void> {
      const { files } = preuploadSchema.parse(JSON.parse((await readBody(request)).toString()))
      const modes = files.map(({ path, size }) => ({
        path,
        uploadMode: fakeFile(path, Buffer.alloc(0)).lfs || size > 10_000_000 ? 'lfs' : 'regular',
        shouldIgnore: false,
      }))
      answer(response, 200, { files: modes })
    },
    async batch(request: IncomingMessage, response: ServerResponse): Promise<void> {
      const body = batchSchema.parse(JSON.parse((await readBody(request)).toString()))
      const described = body.objects.map(({ oid, size }) =>
        objects.has(oid)
          ? { oid, size }
          : { oid, size, actions: { upload: { href: `${storageUrl}/put/${oid}?signature=made-up`, header: {} } } },
      )
      answer(response, 200, { transfer: 'basic', objects: described })
    },
    async put(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
      const content = await readBody(request)
      const oid = url.pathname.replace('/put/', '')
      if (fakeFile('x.bin', content).sha256 !== oid) return answer(response, 400, { error: 'another content' })
      objects.set(oid, content)
      answer(response, 200, {})
    },
    async commit(request: IncomingMessage, response: ServerResponse, repo: FakeRepo): Promise<void> {
      const lines = (await readBody(request)).toString().split('\n').filter(Boolean)
      const files: Record<string, Buffer | null> = {}
      for (const line of lines) {
        const { key, value } = lineSchema.parse(JSON.parse(line))
        if (key === 'file') files[value.path] = Buffer.from(value.content, 'base64')
        if (key === 'deletedFile') files[value.path] = null
        if (key !== 'lfsFile') continue
        const content = objects.get(value.oid)
        if (content === undefined) return answer(response, 422, { error: `no object ${value.oid}` })
        files[value.path] = content
      }
      const id = commitFiles(repo, files)
      answer(response, 200, { commitOid: id, commitUrl: `https://hub/${repo.name}/commit/${id}`, hookOutput: '' })
    },
  }
}
