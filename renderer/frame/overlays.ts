/** Which overlay of the frame is open. */
import { createStore } from 'zustand/vanilla'

export const overlayStore = createStore<{ open: 'palette' | 'shortcuts' | null }>(() => ({ open: null }))

export function openPalette(): void {
  overlayStore.setState({ open: 'palette' })
}

export function openShortcutDialog(): void {
  overlayStore.setState({ open: 'shortcuts' })
}

export function closeOverlay(): void {
  overlayStore.setState({ open: null })
}
