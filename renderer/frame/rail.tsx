import { Keyboard } from 'lucide-react'
import type { ReactNode } from 'react'
import { useEffect } from 'react'
import type { JobRecord } from '../../electron/contract/domain.ts'
import { hrefFor, navigate, SCREENS, type Screen } from '../client/route.ts'
import { useWatch } from '../client/use-query.ts'
import { cn } from '../ui/cn.ts'
import { registerShortcut } from '../ui/shortcuts.ts'
import { Tooltip } from '../ui/tooltip.tsx'
import { openShortcutDialog } from './overlays.ts'
import { SCREEN_INFO } from './screens.ts'

const item =
  'relative flex h-9 w-full items-center justify-center gap-2.5 rounded-md text-ink-2 transition-colors duration-120 hover:bg-hover hover:text-ink xl:justify-start xl:px-2.5'

/** Left edge: 48 px of icons, with words from 1280 px on. */
export function Rail({ current }: { current: Screen }) {
  const { data } = useWatch('jobs.watch', {})
  const progress = runningProgress(data?.jobs ?? [])
  useEffect(() => {
    const stops = SCREENS.map((screen) => {
      const { label, keys } = SCREEN_INFO[screen]
      return registerShortcut({
        keys,
        label: `Go to ${label}`,
        group: 'Everywhere',
        inFields: true,
        run: () => navigate(screen),
      })
    })
    return () => {
      for (const stop of stops) stop()
    }
  }, [])
  return (
    <nav
      aria-label="Screens"
      className="flex w-12 shrink-0 flex-col border-r border-line bg-sunken px-1.5 py-2 xl:w-40"
    >
      <div className="mb-3 flex h-9 items-center justify-center gap-2.5 xl:justify-start xl:px-2">
        <Mark />
        <span className="hidden text-sm font-semibold tracking-tight whitespace-nowrap text-ink xl:block">
          HQQ Studio
        </span>
      </div>
      <ul className="flex flex-1 flex-col gap-0.5">
        {SCREENS.map((screen) => (
          <li key={screen} className={cn(screen === 'settings' && 'mt-auto')}>
            <RailLink screen={screen} isCurrent={screen === current}>
              {screen === 'jobs' && progress !== null && <JobMark progress={progress} />}
            </RailLink>
          </li>
        ))}
      </ul>
      <Tooltip text="Keyboard shortcuts" keys="?" side="right">
        <button
          type="button"
          aria-label="Keyboard shortcuts"
          onClick={openShortcutDialog}
          className={cn(item, 'mt-0.5')}
        >
          <Keyboard aria-hidden className="size-4.5 shrink-0" strokeWidth={1.6} />
          <span className="hidden xl:inline">Shortcuts</span>
        </button>
      </Tooltip>
    </nav>
  )
}

function RailLink({ screen, isCurrent, children }: { screen: Screen; isCurrent: boolean; children: ReactNode }) {
  const { label, icon: Icon, keys } = SCREEN_INFO[screen]
  return (
    <Tooltip text={label} keys={keys} side="right">
      <a
        href={hrefFor(screen)}
        aria-label={label}
        aria-current={isCurrent ? 'page' : undefined}
        className={cn(
          item,
          isCurrent &&
            'bg-selected font-medium text-ink hover:bg-selected before:absolute before:inset-y-2 before:-left-1.5 before:w-0.75 before:rounded-r-full before:bg-accent',
        )}
      >
        <Icon aria-hidden className="size-4.5 shrink-0" strokeWidth={1.6} />
        <span className="hidden xl:inline">{label}</span>
        {children}
      </a>
    </Tooltip>
  )
}

/** Share of the running job that is done; null when none runs, 0 when it cannot be known. */
export function runningProgress(jobs: readonly JobRecord[]): number | null {
  const running = jobs.find(({ state }) => state === 'running' || state === 'stopping')
  if (!running) return null
  const { progress } = running
  return progress && progress.total > 0 ? progress.done / progress.total : 0
}

/** A small ring that fills while a job runs. */
function JobMark({ progress }: { progress: number }) {
  const length = 2 * Math.PI * 5
  return (
    <svg
      viewBox="0 0 14 14"
      role="img"
      aria-label={`A job is running, ${Math.round(progress * 100)} % done`}
      className="absolute top-0.5 right-0.5 size-3.5 -rotate-90 xl:static xl:ml-auto"
    >
      <circle cx="7" cy="7" r="5" fill="var(--sunken)" stroke="var(--line-strong)" strokeWidth="2" />
      <circle
        cx="7"
        cy="7"
        r="5"
        fill="none"
        stroke="var(--accent)"
        strokeWidth="2"
        strokeDasharray={`${progress * length} ${length}`}
      />
    </svg>
  )
}

/** Nine cells from coarse to fine: the grid, in small. */
function Mark() {
  const shades = [0.25, 0.4, 0.6, 0.4, 0.6, 0.8, 0.6, 0.8, 1]
  return (
    <svg viewBox="0 0 20 20" aria-hidden className="size-5 shrink-0">
      {shades.map((shade, index) => (
        <rect
          // biome-ignore lint/suspicious/noArrayIndexKey: nine fixed cells
          key={index}
          x={1 + (index % 3) * 6.5}
          y={1 + Math.floor(index / 3) * 6.5}
          width="5"
          height="5"
          rx="1"
          fill="var(--accent)"
          opacity={shade}
        />
      ))}
    </svg>
  )
}
