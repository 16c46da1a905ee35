/** Names that come from a server, checked before they become paths. */
import { AppError } from '../contract/errors.ts'

/** What one part of a path may be on every file system: no separators, no control characters, none of Windows's devices. */
const DEVICE = /^(con|prn|aux|nul|com\d|lpt\d)(\..*)?$/i
const PART = /^[^\p{Cc}\\/:*?"<>|]+$/u
const MAX_PATH = 1024
const MAX_PART_BYTES = 255

/** A relative path with forward slashes that stays below its folder. Throws `bad-file`. */
export function checkFilePath(path: string): string {
  const parts = path.split('/')
  const good =
    path.length > 0 &&
    path.length <= MAX_PATH &&
    parts.every(
      (part) =>
        PART.test(part) &&
        part !== '.' &&
        part !== '..' &&
        !/[ .]$/.test(part) &&
        !DEVICE.test(part) &&
        Buffer.byteLength(part) <= MAX_PART_BYTES,
    )
  if (good) return path
  throw new AppError(
    'bad-file',
    `The Hub lists a file with a name that is not safe here: ${JSON.stringify(path)}. Nothing was fetched.`,
  )
}

/** Two files that differ only in case or in the way accents are written would overwrite each other on some disks. */
export function checkDistinct(paths: readonly string[]): void {
  const seen = new Map<string, string>()
  for (const path of paths) {
    const folded = path.normalize('NFC').toLowerCase()
    const other = seen.get(folded)
    if (other !== undefined && other !== path) {
      throw new AppError(
        'bad-file',
        `The Hub lists both ${JSON.stringify(other)} and ${JSON.stringify(path)}, which are one file on some disks.`,
      )
    }
    seen.set(folded, path)
  }
}

const REPO_PART = /^(?!.*(--|\.\.))[A-Za-z0-9_](?:[\w.-]{0,94}[A-Za-z0-9_])?$/

/** `owner/name`, or `name` for the oldest repositories. Throws `bad-input`. */
export function checkRepoName(name: string): string {
  const parts = name.split('/')
  if (parts.length <= 2 && parts.every((part) => REPO_PART.test(part)) && !name.endsWith('.git')) return name
  throw new AppError('bad-input', `"${name.slice(0, 120)}" is not the name of a repository. It looks like owner/name.`)
}

/** A branch, tag or commit. Throws `bad-input`. */
export function checkRevision(revision: string): string {
  if (/^[\w.-][\w./-]{0,250}$/.test(revision) && !revision.includes('..') && !revision.endsWith('/')) return revision
  throw new AppError('bad-input', `"${revision.slice(0, 120)}" is not the name of a branch, a tag or a commit.`)
}

/** Whether a revision is a full commit hash, which never changes its meaning. */
export function isCommit(revision: string): boolean {
  return /^[0-9a-f]{40}$/.test(revision)
}
