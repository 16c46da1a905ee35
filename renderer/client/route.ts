/** Which screen is shown, kept in the address's hash so that reload, history and links work in both hosts: `#/quantize?model=abc`. */
import { useSyncExternalStore } from 'react'

export const SCREENS = ['models', 'hub', 'quantize', 'compare', 'chat', 'vision', 'jobs', 'settings'] as const
export type Screen = (typeof SCREENS)[number]

export interface Route {
  readonly screen: Screen
  readonly params: Readonly<Record<string, string>>
}

/** Reads a hash; anything unknown is the models screen. */
export function parseRoute(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?')
  const screen = SCREENS.find((name) => name === path) ?? 'models'
  return { screen, params: Object.fromEntries(new URLSearchParams(query)) }
}

/** The address of a screen; undefined parameters are left out. */
export function hrefFor(screen: Screen, params: Readonly<Record<string, string | undefined>> = {}): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(params)) if (value !== undefined) query.set(name, value)
  const text = query.toString()
  return `#/${screen}${text ? `?${text}` : ''}`
}

/** Goes to a screen. `replace` leaves no step in the history: for a selection inside a screen. */
export function navigate(
  screen: Screen,
  params: Readonly<Record<string, string | undefined>> = {},
  { replace = false }: { replace?: boolean } = {},
): void {
  const href = hrefFor(screen, params)
  if (href === window.location.hash) return
  if (replace) {
    window.history.replaceState(null, '', href)
    window.dispatchEvent(new HashChangeEvent('hashchange'))
  } else window.location.hash = href
}

function subscribe(listener: () => void): () => void {
  window.addEventListener('hashchange', listener)
  return () => window.removeEventListener('hashchange', listener)
}

/** The shown screen and its parameters. */
export function useRoute(): Route {
  const hash = useSyncExternalStore(subscribe, () => window.location.hash)
  return parseRoute(hash)
}
