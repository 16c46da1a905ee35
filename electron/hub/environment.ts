/** What the environment says about the Hub, under the names that Python's huggingface_hub reads, so that both agree. */
import { join, resolve } from 'node:path'
import { AppError } from '../contract/errors.ts'

export type Environment = Readonly<Record<string, string | undefined>>

export interface HubEnvironment {
  /** Origin and path without a slash at its end: https://huggingface.co, a mirror, or a company's own. */
  readonly endpoint: string
  readonly offline: boolean
  /** Folder with models--OWNER--NAME in it. */
  readonly cacheDir: string
  /** Where `hf auth login` of the Python library keeps its token. */
  readonly tokenFile: string
  /** From HF_TOKEN; wins over every stored one. */
  readonly token: string | null
}

const DEFAULT_ENDPOINT = 'https://huggingface.co'

/** Throws `bad-input` for an endpoint that is no http(s) address. */
export function hubEnvironment(env: Environment, home: string): HubEnvironment {
  const hfHome = path(env.HF_HOME, home) ?? join(path(env.XDG_CACHE_HOME, home) ?? join(home, '.cache'), 'huggingface')
  return {
    endpoint: endpointOf(env.HF_ENDPOINT),
    offline: isTrue(env.HF_HUB_OFFLINE) || isTrue(env.TRANSFORMERS_OFFLINE),
    cacheDir: path(env.HF_HUB_CACHE, home) ?? path(env.HUGGINGFACE_HUB_CACHE, home) ?? join(hfHome, 'hub'),
    tokenFile: path(env.HF_TOKEN_PATH, home) ?? join(hfHome, 'token'),
    token: cleanToken(env.HF_TOKEN) ?? cleanToken(env.HUGGING_FACE_HUB_TOKEN),
  }
}

/** Null for nothing. Line breaks come with tokens that were pasted or read from a file. */
export function cleanToken(text: string | undefined): string | null {
  const token = text?.replace(/[\r\n]/g, '').trim() ?? ''
  return token === '' ? null : token
}

function endpointOf(text: string | undefined): string {
  const wanted = text?.trim().replace(/\/+$/, '') || DEFAULT_ENDPOINT
  const parsed = URL.canParse(wanted) ? new URL(wanted) : null
  if (parsed === null || !/^https?:$/.test(parsed.protocol) || parsed.username !== '' || parsed.search !== '') {
    throw new AppError('bad-input', 'HF_ENDPOINT must be an http or https address without a password or a query.')
  }
  return wanted
}

function path(text: string | undefined, home: string): string | null {
  if (text === undefined || text.trim() === '') return null
  return resolve(text.replace(/^~(?=$|[\\/])/, home))
}

function isTrue(text: string | undefined): boolean {
  return /^(1|on|yes|true)$/i.test(text ?? '')
}
