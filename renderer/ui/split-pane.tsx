import { type KeyboardEvent, type PointerEvent, type ReactNode, useState } from 'react'
import { cn } from './cn.ts'

export interface SplitPaneProps {
  /** Key under which the sizes are remembered. */
  id: string
  /** Left: what there is to choose from. */
  list?: ReactNode
  listLabel?: string
  /** Middle: the main surface; takes what is left. */
  children: ReactNode
  /** Right: details of what is chosen; null closes it. */
  inspector?: ReactNode
  inspectorLabel?: string
  /** First widths in pixels. */
  listWidth?: number
  inspectorWidth?: number
}

const LIMITS = { list: [200, 480], inspector: [260, 640] } as const

/** List, main surface and inspector side by side, with borders that move by pointer or arrow keys and stay where they were put. */
export function SplitPane(props: SplitPaneProps) {
  const { id, list, listLabel = 'List', children, inspector, inspectorLabel = 'Inspector' } = props
  const [listWidth, setListWidth] = useRememberedWidth(`${id}.list`, props.listWidth ?? 280)
  const [inspectorWidth, setInspectorWidth] = useRememberedWidth(`${id}.inspector`, props.inspectorWidth ?? 340)
  return (
    <div className="flex min-h-0 min-w-0 flex-1">
      {list && (
        <>
          <section
            aria-label={listLabel}
            style={{ width: listWidth }}
            className="flex min-h-0 shrink-0 flex-col bg-canvas"
          >
            {list}
          </section>
          <Divider
            label={`Width of ${listLabel.toLowerCase()}`}
            value={listWidth}
            limits={LIMITS.list}
            direction={1}
            onChange={setListWidth}
          />
        </>
      )}
      <div className="flex min-h-0 min-w-0 flex-1 flex-col bg-surface">{children}</div>
      {inspector && (
        <>
          <Divider
            label={`Width of ${inspectorLabel.toLowerCase()}`}
            value={inspectorWidth}
            limits={LIMITS.inspector}
            direction={-1}
            onChange={setInspectorWidth}
          />
          <aside
            aria-label={inspectorLabel}
            style={{ width: inspectorWidth }}
            className="flex min-h-0 shrink-0 flex-col bg-canvas"
          >
            {inspector}
          </aside>
        </>
      )}
    </div>
  )
}

interface DividerProps {
  label: string
  value: number
  limits: readonly [number, number]
  /** 1: moving right makes the pane wider; -1: narrower. */
  direction: 1 | -1
  onChange(value: number): void
}

function Divider({ label, value, limits: [min, max], direction, onChange }: DividerProps) {
  const [drag, setDrag] = useState<{ x: number; value: number } | null>(null)

  function resize(next: number): void {
    onChange(Math.round(Math.min(max, Math.max(min, next))))
  }

  function onKeyDown(event: KeyboardEvent): void {
    const step = event.key === 'ArrowRight' ? 16 : event.key === 'ArrowLeft' ? -16 : 0
    if (step === 0) return
    event.preventDefault()
    resize(value + direction * step)
  }

  function onPointerDown(event: PointerEvent<HTMLDivElement>): void {
    event.currentTarget.setPointerCapture(event.pointerId)
    setDrag({ x: event.clientX, value })
  }

  return (
    // biome-ignore lint/a11y/useSemanticElements: an hr cannot be dragged or focused
    <div
      role="separator"
      tabIndex={0}
      aria-label={label}
      aria-orientation="vertical"
      aria-valuenow={value}
      aria-valuemin={min}
      aria-valuemax={max}
      onKeyDown={onKeyDown}
      onPointerDown={onPointerDown}
      onPointerMove={(event) => drag && resize(drag.value + direction * (event.clientX - drag.x))}
      onPointerUp={() => setDrag(null)}
      onPointerCancel={() => setDrag(null)}
      className="group relative z-10 w-px shrink-0 cursor-col-resize touch-none bg-line before:absolute before:inset-y-0 before:-left-1.5 before:w-3 focus-visible:outline-offset-0"
    >
      <div
        className={cn(
          'absolute inset-y-0 -left-px w-0.75 transition-colors duration-120 group-hover:bg-accent/40',
          drag && 'bg-accent/60',
        )}
      />
    </div>
  )
}

function useRememberedWidth(key: string, initial: number): [number, (width: number) => void] {
  const [width, setWidth] = useState(() => {
    const stored = Number(localStorage.getItem(`width.${key}`))
    return Number.isFinite(stored) && stored > 0 ? stored : initial
  })
  return [
    width,
    (next) => {
      setWidth(next)
      localStorage.setItem(`width.${key}`, String(next))
    },
  ]
}
