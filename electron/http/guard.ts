/**
 * Who may talk to the loopback server. Any page a person visits can send requests to 127.0.0.1, and any name can be made
 * to resolve to it; so the Host, the Origin and a secret are checked, on HTTP and on the WebSocket upgrade.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto'

export interface GuardRequest {
  readonly url?: string | undefined
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
}

export type Verdict =
  | { readonly kind: 'allow' }
  /** The token was in the URL: set the cookie and go to the page without it. */
  | { readonly kind: 'enter'; readonly setCookie: string; readonly location: string }
  | { readonly kind: 'refuse'; readonly status: 403 | 421; readonly reason: string }

export interface Guard {
  /** Goes into the first URL only. */
  readonly token: string
  checkRequest(request: GuardRequest): Verdict
  /** As for a request, but the Origin must be there and no token is taken from the URL. */
  checkUpgrade(request: GuardRequest): Verdict
}

const ALLOW: Verdict = { kind: 'allow' }

/** `port` is in the cookie's name, since cookies are shared by all ports of a host. */
export function createGuard(port: number): Guard {
  const token = randomSecret()
  const session = randomSecret()
  const cookieName = `hqq-studio-${port}`
  const hosts = [`127.0.0.1:${port}`, `localhost:${port}`]

  function checkHost({ headers }: GuardRequest): Verdict {
    return hosts.includes(String(headers.host)) ? ALLOW : refuse(421, 'This server answers to 127.0.0.1 only.')
  }
  function checkOrigin({ headers }: GuardRequest, required: boolean): Verdict {
    const { origin } = headers
    if (origin === undefined && !required) return ALLOW
    return origin === `http://${headers.host}` ? ALLOW : refuse(403, 'Requests from other pages are refused.')
  }
  function checkCookie({ headers }: GuardRequest): Verdict {
    const cookies = String(headers.cookie ?? '').split(/;\s*/)
    const known = cookies.some((cookie) => {
      const [name, value] = cookie.split('=')
      return name === cookieName && equalSecrets(value ?? '', session)
    })
    return known
      ? ALLOW
      : refuse(403, 'Open the address that was printed in the terminal; it carries the access token.')
  }
  function checkToken({ url }: GuardRequest): Verdict {
    const { pathname, searchParams } = new URL(url ?? '/', 'http://127.0.0.1')
    const given = searchParams.get('token')
    if (pathname !== '/' || given === null || !equalSecrets(given, token)) return refuse(403, 'The token is not valid.')
    const setCookie = `${cookieName}=${session}; HttpOnly; SameSite=Strict; Path=/`
    return { kind: 'enter', setCookie, location: '/' }
  }

  return {
    token,
    checkRequest(request) {
      const outer = firstRefusal(checkHost(request), checkOrigin(request, false))
      if (outer) return outer
      const entry = checkToken(request)
      return entry.kind === 'enter' ? entry : checkCookie(request)
    },
    checkUpgrade(request) {
      return firstRefusal(checkHost(request), checkOrigin(request, true), checkCookie(request)) ?? ALLOW
    },
  }
}

function refuse(status: 403 | 421, reason: string): Verdict {
  return { kind: 'refuse', status, reason }
}

function firstRefusal(...verdicts: Verdict[]): Verdict | undefined {
  return verdicts.find((verdict) => verdict.kind === 'refuse')
}

function randomSecret(): string {
  return randomBytes(32).toString('base64url')
}

/** Takes equally long wherever two secrets of one length differ. */
function equalSecrets(given: string, secret: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(secret)]
  return a.length === b.length && timingSafeEqual(a, b)
}
