/**
 * Keyboard shortcuts in one registry, so that `?` can list exactly those that work now. Later registrations win, which
 * lets a dialog or a page take Escape or Mod+Enter while it is shown.
 */
import { useEffect, useRef } from 'react'
import { createStore } from 'zustand/vanilla'

export interface Shortcut {
  readonly id: number
  /** Lower case, joined by `+`: `mod+enter`, `shift+mod+z`, `?`. `mod` is Command on a Mac and Control elsewhere. */
  readonly keys: string
  /** What it does, for the list. */
  readonly label: string
  /** Heading in the list. */
  readonly group: string
  /** Also while a text field has the focus. Shortcuts with `mod` do so anyway. */
  readonly inFields: boolean
  run(event: KeyboardEvent): void
}

export const shortcutStore = createStore<{ shortcuts: readonly Shortcut[] }>(() => ({ shortcuts: [] }))

let nextId = 1

/** Adds a shortcut; returns its removal. */
export function registerShortcut(shortcut: Omit<Shortcut, 'id'>): () => void {
  const entry = { ...shortcut, id: nextId++ }
  shortcutStore.setState(({ shortcuts }) => ({ shortcuts: [...shortcuts, entry] }))
  return () => shortcutStore.setState(({ shortcuts }) => ({ shortcuts: shortcuts.filter(({ id }) => id !== entry.id) }))
}

export interface UseShortcutOptions {
  keys: string
  label: string
  group?: string
  inFields?: boolean
  /** Off while false; an unavailable action is not listed either. */
  enabled?: boolean
  run(event: KeyboardEvent): void
}

/** A shortcut that lives as long as the component. */
export function useShortcut({
  keys,
  label,
  group = 'This screen',
  inFields = false,
  enabled = true,
  run,
}: UseShortcutOptions) {
  const latest = useRef(run)
  useEffect(() => {
    latest.current = run
  })
  useEffect(() => {
    if (!enabled) return
    return registerShortcut({ keys, label, group, inFields, run: (event) => latest.current(event) })
  }, [keys, label, group, inFields, enabled])
}

/** Editing keys that every text field has a use of its own for. */
const EDITING_KEYS = /^(shift\+)?mod\+[acvxyz]$/

/**
 * Starts listening; returns the stop. Once, by the app frame. Shortcuts with `mod` come before whatever has the focus (a list
 * would take Mod+Enter for Enter); the others after it, so that an open menu keeps its Escape.
 */
export function listenForShortcuts(target: Window): () => void {
  function run(event: KeyboardEvent, pressed: string): void {
    if (event.defaultPrevented || event.isComposing) return
    const inField = isField(event.target)
    const takesMod = pressed.includes('mod') && !EDITING_KEYS.test(pressed)
    const { shortcuts } = shortcutStore.getState()
    const match = shortcuts.findLast(
      (shortcut) => shortcut.keys === pressed && (!inField || shortcut.inFields || takesMod),
    )
    if (!match) return
    event.preventDefault()
    if (takesMod) event.stopPropagation()
    match.run(event)
  }
  function onCapture(event: KeyboardEvent): void {
    const pressed = keysOf(event)
    if (pressed.includes('mod')) run(event, pressed)
  }
  function onKeyDown(event: KeyboardEvent): void {
    const pressed = keysOf(event)
    if (!pressed.includes('mod')) run(event, pressed)
  }
  target.addEventListener('keydown', onCapture, { capture: true })
  target.addEventListener('keydown', onKeyDown)
  return () => {
    target.removeEventListener('keydown', onCapture, { capture: true })
    target.removeEventListener('keydown', onKeyDown)
  }
}

const isMac = typeof navigator !== 'undefined' && /Mac|iPhone|iPad/.test(navigator.platform)

/** The keys of an event in the registry's spelling. Shift is named only where it does not already change the character. */
export function keysOf(event: Pick<KeyboardEvent, 'key' | 'shiftKey' | 'altKey' | 'ctrlKey' | 'metaKey'>): string {
  const key = event.key.toLowerCase()
  const parts: string[] = []
  if (event.shiftKey && (key.length > 1 || /[a-z]/.test(key))) parts.push('shift')
  if (event.altKey) parts.push('alt')
  if (isMac ? event.metaKey : event.ctrlKey) parts.push('mod')
  parts.push(key === ' ' ? 'space' : key)
  return parts.join('+')
}

/** Names for key caps: `⌘` or `Ctrl`, `Enter`, `Z`. */
export function keyNames(keys: string): string[] {
  const names: Record<string, string> = isMac
    ? { mod: '⌘', shift: '⇧', alt: '⌥', enter: '↩', escape: 'Esc' }
    : { mod: 'Ctrl', shift: 'Shift', alt: 'Alt', enter: 'Enter', escape: 'Esc' }
  const arrows: Record<string, string> = {
    arrowup: '↑',
    arrowdown: '↓',
    arrowleft: '←',
    arrowright: '→',
    space: 'Space',
  }
  return keys.split('+').map((key) => names[key] ?? arrows[key] ?? key.toUpperCase())
}

function isField(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable ||
      target.matches('input:not([type=checkbox], [type=radio], [type=range]), textarea, select'))
  )
}
