/**
 * The window's files as a fetch-style handler: Request in, Response out. The Node server and Electron's `app:` scheme
 * mount the same one.
 */
import { readdir, readFile } from 'node:fs/promises'
import { extname, join, relative, sep } from 'node:path'
import { Hono } from 'hono'
import { SECURITY_HEADERS } from './policy.ts'

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.woff2': 'font/woff2',
}

export interface Routes {
  fetch(request: Request): Response | Promise<Response>
}

/**
 * Serves the files that are in `rendererDir` now, and no others: a path is looked up in a list, never joined, so that it
 * cannot lead elsewhere.
 */
export async function createRoutes({ rendererDir }: { rendererDir: string }): Promise<Routes> {
  const files = await listFiles(rendererDir)
  const app = new Hono()

  app.use(async (context, next) => {
    await next()
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) context.header(name, value)
  })
  app.get('*', async (context) => {
    const { pathname } = new URL(context.req.url)
    const path = pathname === '/' ? '/index.html' : pathname
    const file = files.get(path)
    if (file === undefined) return context.text('There is nothing here.', 404)
    return context.body(await readFile(file), 200, {
      'content-type': CONTENT_TYPES[extname(file)] ?? 'application/octet-stream',
      // Files in assets/ carry a hash of their content in their name.
      'cache-control': path.startsWith('/assets/') ? 'private, max-age=31536000, immutable' : 'no-store',
    })
  })
  return app
}

/** URL path to absolute file. */
async function listFiles(folder: string): Promise<ReadonlyMap<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  return new Map(files.map((file) => [`/${relative(folder, file).split(sep).join('/')}`, file]))
}
