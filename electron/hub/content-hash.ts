/** The two hashes by which the Hub names contents: SHA-256 for large files, git's SHA-1 for those that are kept in git itself. */
import { createHash } from 'node:crypto'

export interface ContentId {
  readonly kind: 'sha256' | 'git-sha1'
  readonly hex: string
}

export interface ContentHash {
  update(data: Uint8Array): void
  /** Ends the hash. */
  matches(): boolean
}

export function isSha256(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text)
}

/** Throws `RangeError` for what is neither; callers check what comes from a server first. */
export function contentId(hex: string): ContentId {
  if (isSha256(hex)) return { kind: 'sha256', hex }
  if (/^[0-9a-f]{40}$/.test(hex)) return { kind: 'git-sha1', hex }
  throw new RangeError(`${hex} is no hash`)
}

/** `bytes`: size of the whole content; git hashes it too. */
export function startHash(id: ContentId, bytes: number): ContentHash {
  const hash = createHash(id.kind === 'sha256' ? 'sha256' : 'sha1')
  if (id.kind === 'git-sha1') hash.update(`blob ${bytes}\0`)
  return {
    update(data) {
      hash.update(data)
    },
    matches: () => hash.digest('hex') === id.hex,
  }
}
