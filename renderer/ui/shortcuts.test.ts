import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { keysOf, listenForShortcuts, registerShortcut } from './shortcuts.ts'

const event = (key: string, held: Partial<KeyboardEventInit> = {}) =>
  new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true, ...held })

describe('shortcuts', () => {
  let stop: () => void = () => undefined
  beforeEach(() => {
    stop = listenForShortcuts(window)
  })
  afterEach(() => {
    stop()
    document.body.replaceChildren()
  })

  it('spells keys the same way however they are typed', () => {
    expect(keysOf(event('K', { ctrlKey: true }))).toBe('mod+k')
    expect(keysOf(event('Z', { ctrlKey: true, shiftKey: true }))).toBe('shift+mod+z')
    expect(keysOf(event('?', { shiftKey: true }))).toBe('?')
    expect(keysOf(event(' '))).toBe('space')
  })

  it('runs the latest registration and gives the keys back afterwards', () => {
    const below = vi.fn()
    const above = vi.fn()
    const removals = [below, above].map((run) =>
      registerShortcut({ keys: 'escape', label: 'Close', group: 'Test', inFields: true, run }),
    )
    window.dispatchEvent(event('Escape'))
    removals[1]?.()
    window.dispatchEvent(event('Escape'))
    removals[0]?.()
    window.dispatchEvent(event('Escape'))
    expect([above.mock.calls.length, below.mock.calls.length]).toEqual([1, 1])
  })

  it('leaves plain keys to text fields, but not those with Control', () => {
    const run = vi.fn()
    const removals = ['?', 'mod+enter'].map((keys) =>
      registerShortcut({ keys, label: keys, group: 'Test', inFields: false, run }),
    )
    const field = document.body.appendChild(document.createElement('textarea'))
    field.dispatchEvent(event('?'))
    expect(run).not.toHaveBeenCalled()
    field.dispatchEvent(event('Enter', { ctrlKey: true }))
    expect(run).toHaveBeenCalledTimes(1)
    for (const remove of removals) remove()
  })

  it('comes before a focused list with Control, and leaves undo to text fields', () => {
    const run = vi.fn()
    const removals = ['mod+enter', 'mod+z'].map((keys) =>
      registerShortcut({ keys, label: keys, group: 'Test', inFields: false, run }),
    )
    const list = document.body.appendChild(document.createElement('div'))
    list.addEventListener('keydown', (pressed) => pressed.preventDefault())
    list.dispatchEvent(event('Enter', { ctrlKey: true }))
    expect(run).toHaveBeenCalledTimes(1)
    const field = document.body.appendChild(document.createElement('textarea'))
    field.dispatchEvent(event('z', { ctrlKey: true }))
    expect(run).toHaveBeenCalledTimes(1)
    for (const remove of removals) remove()
  })
})
