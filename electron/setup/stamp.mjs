/** Skips a build step whose inputs are the same as when it last succeeded. Contents count, not dates: git changes those. */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { BUILD, ROOT } from './paths.mjs'

/**
 * Runs `build` unless the hash of `inputs` (files and folders below the root, and plain texts) is the stamped one and all
 * `outputs` exist. Returns whether it ran.
 */
export async function unlessUpToDate({ name, inputs, texts = [], ignore = () => false, outputs }, build) {
  const stamp = join(BUILD, 'stamps', name)
  const hash = hashOf(inputs, texts, ignore)
  const known = existsSync(stamp) ? readFileSync(stamp, 'utf8') : ''
  if (known === hash && outputs.every((path) => existsSync(path))) return false
  rmSync(stamp, { force: true })
  await build()
  mkdirSync(join(BUILD, 'stamps'), { recursive: true })
  writeFileSync(stamp, hash)
  return true
}

function hashOf(inputs, texts, ignore) {
  const hash = createHash('sha256')
  for (const text of texts) hash.update(`${text}\0`)
  for (const input of inputs) {
    for (const file of filesUnder(join(ROOT, input))) {
      const name = relative(ROOT, file)
      if (!ignore(name)) hash.update(`${name}\0`).update(readFileSync(file)).update('\0')
    }
  }
  return hash.digest('hex')
}

function filesUnder(path) {
  if (!existsSync(path)) return []
  if (!statSync(path).isDirectory()) return [path]
  const names = readdirSync(path, { recursive: true, withFileTypes: true })
  return names
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
}
