/** Renders a screen as the frame does, with what jsdom lacks filled in. */
import { configure, type RenderResult, render } from '@testing-library/react'
import type { ReactNode } from 'react'
import { vi } from 'vitest'
import { ClientProvider } from '../client/context.tsx'
import { TooltipProvider } from '../ui/tooltip.tsx'
import type { FakeConnection } from './fake-connection.ts'

// Waiting ends as soon as what is waited for is there; a busy machine only makes it longer.
configure({ asyncUtilTimeout: 15_000 })
vi.setConfig({ testTimeout: 30_000 })

class StillResizeObserver {
  observe(): void {}
  unobserve(): void {}
  disconnect(): void {}
}

/** Observers and scrolling that jsdom does not have; they do nothing. */
export function fillInDom(): void {
  globalThis.ResizeObserver ??= StillResizeObserver
  Element.prototype.scrollIntoView ??= () => undefined
  Element.prototype.hasPointerCapture ??= () => false
}

export function renderScreen(children: ReactNode, { connection }: FakeConnection): RenderResult {
  fillInDom()
  return render(
    <ClientProvider connection={connection}>
      <TooltipProvider>{children}</TooltipProvider>
    </ClientProvider>,
  )
}
