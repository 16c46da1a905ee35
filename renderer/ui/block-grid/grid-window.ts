/** Which rows and columns of a grid with fixed cell sizes are in view. */
import { type RefObject, useEffect, useState } from 'react'

export interface GridMetrics {
  readonly rowHeight: number
  readonly columnWidth: number
  readonly headerHeight: number
  readonly rowHeaderWidth: number
}

export interface GridRange {
  readonly firstRow: number
  readonly lastRow: number
  readonly firstColumn: number
  readonly lastColumn: number
}

const OVERSCAN_ROWS = 6
/** Columns come and go in stretches of as many. */
export const STRETCH = 4
const OVERSCAN_COLUMNS = STRETCH

/** The range for a scroll position and a viewport size, with a margin so that scrolling finds cells already there. */
export function rangeAt(
  viewport: { scrollTop: number; scrollLeft: number; width: number; height: number },
  metrics: GridMetrics,
  counts: { rows: number; columns: number },
): GridRange {
  const { rowHeight, columnWidth, headerHeight, rowHeaderWidth } = metrics
  const firstRow = Math.floor(viewport.scrollTop / rowHeight) - OVERSCAN_ROWS
  const rowsInView = Math.ceil((viewport.height - headerHeight) / rowHeight)
  const firstColumn = Math.floor(viewport.scrollLeft / columnWidth) - OVERSCAN_COLUMNS
  const columnsInView = Math.ceil((viewport.width - rowHeaderWidth) / columnWidth)
  return {
    firstRow: Math.max(0, Math.min(firstRow, counts.rows - 1)),
    lastRow: Math.min(counts.rows - 1, firstRow + rowsInView + 2 * OVERSCAN_ROWS),
    firstColumn: Math.max(0, Math.min(firstColumn, counts.columns - 1)),
    lastColumn: Math.min(counts.columns - 1, firstColumn + columnsInView + 2 * OVERSCAN_COLUMNS + STRETCH),
  }
}

/** Columns share the width there is, within limits that keep their text readable. */
export function columnWidthFor(width: number, rowHeaderWidth: number, columns: number): number {
  const share = Math.floor((width - rowHeaderWidth - 1) / Math.max(columns, 1))
  return Math.max(MIN_COLUMN_WIDTH, Math.min(MAX_COLUMN_WIDTH, share))
}

const MIN_COLUMN_WIDTH = 76
const MAX_COLUMN_WIDTH = 168

/** Size of an element, followed. Starts with what a test environment without layout can show. */
export function useElementSize(ref: RefObject<HTMLElement | null>): { width: number; height: number } {
  const [size, setSize] = useState({ width: 800, height: 600 })
  useEffect(() => {
    const element = ref.current
    if (element === null || typeof ResizeObserver === 'undefined') return
    const observer = new ResizeObserver(() => {
      const { clientWidth: width, clientHeight: height } = element
      setSize((old) => (old.width === width && old.height === height ? old : { width, height }))
    })
    observer.observe(element)
    return () => observer.disconnect()
  }, [ref])
  return size
}

/** The range in view; re-renders only when it changes, not on each scroll event. */
export function useGridRange(
  ref: RefObject<HTMLElement | null>,
  size: { width: number; height: number },
  metrics: GridMetrics,
  counts: { rows: number; columns: number },
): GridRange {
  const [scroll, setScroll] = useState({ scrollTop: 0, scrollLeft: 0 })
  const { rowHeight, columnWidth } = metrics
  useEffect(() => {
    const element = ref.current
    if (element === null) return
    const onScroll = () => {
      // Steps of half the margin: positions between them show the same rows.
      const row = rowHeight * (OVERSCAN_ROWS / 2)
      const scrollTop = Math.floor(element.scrollTop / row) * row
      const column = columnWidth * STRETCH
      const scrollLeft = Math.floor(element.scrollLeft / column) * column
      setScroll((old) =>
        old.scrollTop === scrollTop && old.scrollLeft === scrollLeft ? old : { scrollTop, scrollLeft },
      )
    }
    onScroll()
    element.addEventListener('scroll', onScroll, { passive: true })
    return () => element.removeEventListener('scroll', onScroll)
  }, [ref, rowHeight, columnWidth])
  return rangeAt({ ...scroll, ...size }, metrics, counts)
}
