/**
 * Which theme is shown. CSS does the rest through color-scheme. The choice is kept in local storage beside the settings,
 * because public/theme-boot.js must know it before the first paint.
 */
import { useSyncExternalStore } from 'react'
import { createStore } from 'zustand/vanilla'
import type { ColorTheme } from './sequential-map.ts'

export type ThemeChoice = 'system' | 'light' | 'dark'

const STORAGE_KEY = 'theme'

export const themeStore = createStore<{ choice: ThemeChoice }>(() => ({ choice: 'system' }))

/** Shows `choice` and remembers it for the next start. */
export function setTheme(choice: ThemeChoice): void {
  if (choice === 'system') {
    delete document.documentElement.dataset.theme
    localStorage.removeItem(STORAGE_KEY)
  } else {
    document.documentElement.dataset.theme = choice
    localStorage.setItem(STORAGE_KEY, choice)
  }
  themeStore.setState({ choice })
}

/** The theme that is visible now, for what CSS cannot colour (canvas, data maps). */
export function useColorTheme(): ColorTheme {
  return useSyncExternalStore(subscribe, currentTheme)
}

function currentTheme(): ColorTheme {
  const forced = document.documentElement.dataset.theme
  if (forced === 'light' || forced === 'dark') return forced
  return darkQuery()?.matches ? 'dark' : 'light'
}

function subscribe(listener: () => void): () => void {
  const query = darkQuery()
  query?.addEventListener('change', listener)
  const stop = themeStore.subscribe(listener)
  return () => {
    query?.removeEventListener('change', listener)
    stop()
  }
}

/** Absent in test environments without media queries. */
function darkQuery(): MediaQueryList | undefined {
  return window.matchMedia?.('(prefers-color-scheme: dark)')
}
