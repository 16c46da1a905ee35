/** Which proxy a request goes through, by the variables that every command line tool reads. */
import { AppError } from '../contract/errors.ts'
import type { Environment } from './environment.ts'

/** Null for a direct connection. Throws `bad-input` for a proxy of a kind that cannot be used. */
export function proxyFor(url: URL, env: Environment): URL | null {
  if (bypasses(url, read(env, 'no_proxy'))) return null
  const text = read(env, url.protocol === 'https:' ? 'https_proxy' : 'http_proxy') || read(env, 'all_proxy')
  if (!text) return null
  const address = text.includes('://') ? text : `http://${text}`
  const proxy = URL.canParse(address) ? new URL(address) : null
  if (proxy?.protocol !== 'http:' && proxy?.protocol !== 'https:') {
    throw new AppError(
      'bad-input',
      'The proxy in the environment is no http or https address, which is all that works here.',
    )
  }
  return proxy
}

/** The value of proxy-authorization, when the proxy's address carries a name. */
export function proxyCredentials(proxy: URL): string | null {
  if (proxy.username === '') return null
  const plain = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`
  return `Basic ${Buffer.from(plain).toString('base64')}`
}

function read(env: Environment, name: string): string {
  return (env[name] ?? env[name.toUpperCase()] ?? '').trim()
}

/** `no_proxy` is a list of hosts, domains and host:port; `*` is all of them. */
function bypasses({ hostname, port, protocol }: URL, list: string): boolean {
  const ownPort = port || (protocol === 'https:' ? '443' : '80')
  return list
    .split(/[\s,]+/)
    .filter(Boolean)
    .some((entry) => {
      if (entry === '*') return true
      const [, name = '', wantedPort] = /^\*?\.?(.*?)(?::(\d+))?$/.exec(entry.toLowerCase()) ?? []
      if (wantedPort !== undefined && wantedPort !== ownPort) return false
      return hostname === name || hostname.endsWith(`.${name}`)
    })
}
