/** Whose token it is. */
import { whoAmI } from '@huggingface/hub'
import { asFetch } from './as-fetch.ts'
import type { HubClient } from './hub-client.ts'
import type { RetryPolicy } from './retry.ts'

export interface HubUser {
  name: string
  orgs: string[]
  /** "read", "write" or "fineGrained". */
  tokenRole: string | null
}

/** Throws `access-denied` for a token that the Hub does not know, and `network`. */
export async function userOf(
  client: HubClient,
  token: string,
  retry: RetryPolicy,
  signal: AbortSignal | undefined,
): Promise<HubUser> {
  const fetch = asFetch(client, { token, signal, retry })
  const known = await whoAmI({ accessToken: token, hubUrl: client.endpoint, fetch })
  return {
    name: known.name,
    orgs: known.type === 'user' ? known.orgs.map(({ name }) => name) : [],
    tokenRole: known.auth.accessToken?.role ?? null,
  }
}
