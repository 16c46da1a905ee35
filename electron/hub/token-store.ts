/**
 * The access token: from the environment, from this app, or from the Python library's file, in this order. It is written encrypted by
 * the system's keyring where the host has one, else to a file that only its owner may read; it is never logged.
 */
import { chmod, mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { AppError } from '../contract/errors.ts'
import type { SecretBox } from '../contract/secrets.ts'
import { toWriteError } from '../storage/atomic-write.ts'
import { cleanToken, type HubEnvironment } from './environment.ts'

export type TokenSource = 'environment' | 'app' | 'hugging-face-file'

export interface TokenStore {
  get(): Promise<{ token: string; source: TokenSource } | null>
  /** Throws `bad-input` for what cannot be a token. */
  set(token: string): Promise<void>
  /** Forgets the one that was stored here; others are not this app's. */
  remove(): Promise<void>
}

export interface TokenStoreDeps {
  environment: Pick<HubEnvironment, 'token' | 'tokenFile'>
  /** Without the ending. */
  path: string
  secrets: SecretBox | null
}

export function createTokenStore({ environment, path, secrets }: TokenStoreDeps): TokenStore {
  const sealed = `${path}.sealed`

  async function own(): Promise<string | null> {
    if (secrets?.available()) {
      const data = await readFile(sealed).catch(() => null)
      // A keyring that was reset cannot open what it sealed: as good as signed out.
      const opened = data === null ? null : attempt(() => secrets.decrypt(data))
      if (opened !== null) return cleanToken(opened)
    }
    return cleanToken((await readFile(path, 'utf8').catch(() => null)) ?? undefined)
  }

  return {
    async get() {
      if (environment.token !== null) return { token: environment.token, source: 'environment' }
      const stored = await own()
      if (stored !== null) return { token: stored, source: 'app' }
      const shared = cleanToken((await readFile(environment.tokenFile, 'utf8').catch(() => null)) ?? undefined)
      return shared === null ? null : { token: shared, source: 'hugging-face-file' }
    },
    async set(text) {
      const token = checkToken(text)
      if (secrets?.available()) {
        await writePrivate(sealed, secrets.encrypt(token))
        await rm(path, { force: true })
      } else {
        await writePrivate(path, token)
        await rm(sealed, { force: true })
      }
    },
    async remove() {
      await rm(path, { force: true })
      await rm(sealed, { force: true })
    },
  }
}

/** The token without the white space it was pasted with. Throws `bad-input`. */
export function checkToken(text: string): string {
  const token = text.trim()
  if (/^hf_[A-Za-z0-9_-]{8,200}$/.test(token)) return token
  throw new AppError('bad-input', 'This is no Hugging Face token. One begins with hf_ and has no spaces.')
}

/** Never readable by others, not even for a moment. */
async function writePrivate(path: string, content: string | Uint8Array): Promise<void> {
  const fresh = `${path}.new`
  try {
    await mkdir(dirname(path), { recursive: true })
    await rm(fresh, { force: true })
    const file = await open(fresh, 'wx', 0o600)
    try {
      await file.writeFile(content)
      await file.sync()
    } finally {
      await file.close()
    }
    await chmod(fresh, 0o600)
    await rename(fresh, path)
  } catch (error) {
    await rm(fresh, { force: true }).catch(() => {})
    throw toWriteError(error, path)
  }
}

function attempt<T>(work: () => T): T | null {
  try {
    return work()
  } catch {
    return null
  }
}
