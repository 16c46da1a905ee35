/** The frame: rail, banner and the screen that the address names. Screens are loaded when they are first shown. */
import { type ComponentType, lazy, Suspense, useEffect } from 'react'
import type { Connection } from './client/connection.ts'
import { ConnectionBanner } from './client/connection-banner.tsx'
import { ClientProvider } from './client/context.tsx'
import { type Screen, useRoute } from './client/route.ts'
import { CommandPalette } from './frame/command-palette.tsx'
import { ErrorBoundary } from './frame/error-boundary.tsx'
import { Rail } from './frame/rail.tsx'
import { SCREEN_INFO } from './frame/screens.ts'
import { ShortcutDialog } from './frame/shortcut-dialog.tsx'
import { useJobNews } from './frame/use-job-news.ts'
import { useThemeSetting } from './frame/use-theme-setting.ts'
import { listenForShortcuts } from './ui/shortcuts.ts'
import { SkeletonRows } from './ui/skeleton.tsx'
import { useColorTheme } from './ui/theme.ts'
import { Toaster } from './ui/toast.tsx'
import { TooltipProvider } from './ui/tooltip.tsx'

const PAGES: Record<Screen, ComponentType> = {
  models: lazy(async () => ({ default: (await import('./features/models/page.tsx')).ModelsPage })),
  hub: lazy(async () => ({ default: (await import('./features/hub/page.tsx')).HubPage })),
  quantize: lazy(async () => ({ default: (await import('./features/quantize/page.tsx')).QuantizePage })),
  compare: lazy(async () => ({ default: (await import('./features/compare/page.tsx')).ComparePage })),
  chat: lazy(async () => ({ default: (await import('./features/chat/page.tsx')).ChatPage })),
  vision: lazy(async () => ({ default: (await import('./features/vision/page.tsx')).VisionPage })),
  jobs: lazy(async () => ({ default: (await import('./features/jobs/page.tsx')).JobsPage })),
  settings: lazy(async () => ({ default: (await import('./features/settings/page.tsx')).SettingsPage })),
}

export function App({ connection }: { connection: Connection }) {
  return (
    <ErrorBoundary label="The window">
      <ClientProvider connection={connection}>
        <TooltipProvider>
          <Frame />
        </TooltipProvider>
      </ClientProvider>
    </ErrorBoundary>
  )
}

function Frame() {
  const { screen } = useRoute()
  const theme = useColorTheme()
  const Page = PAGES[screen]
  const { label } = SCREEN_INFO[screen]
  useThemeSetting()
  useJobNews()
  useEffect(() => listenForShortcuts(window), [])
  useEffect(() => {
    document.title = `${label} · HQQ Studio`
  }, [label])
  return (
    <div className="flex h-full">
      <button
        type="button"
        onClick={() => document.getElementById('main')?.focus()}
        className="sr-only z-50 rounded-md bg-raised px-3 py-1 shadow-float focus:not-sr-only focus:absolute focus:top-2 focus:left-2"
      >
        Skip to the screen
      </button>
      <Rail current={screen} />
      <div className="flex min-h-0 min-w-0 flex-1 flex-col">
        <ConnectionBanner />
        <main id="main" tabIndex={-1} className="flex min-h-0 flex-1 flex-col focus:outline-none">
          <ErrorBoundary key={screen} label={label}>
            <Suspense fallback={<SkeletonRows />}>
              <Page />
            </Suspense>
          </ErrorBoundary>
        </main>
      </div>
      <CommandPalette />
      <ShortcutDialog />
      <Toaster theme={theme} />
    </div>
  )
}
