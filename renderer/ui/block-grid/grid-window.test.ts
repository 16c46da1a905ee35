import { describe, expect, it } from 'vitest'
import { columnWidthFor, rangeAt, STRETCH } from './grid-window.ts'

const metrics = { rowHeight: 30, columnWidth: 100, headerHeight: 40, rowHeaderWidth: 50 }
const counts = { rows: 1000, columns: 200 }
const viewport = { scrollTop: 0, scrollLeft: 0, width: 650, height: 640 }

describe('rangeAt', () => {
  it('covers the view with a margin', () => {
    const range = rangeAt({ ...viewport, scrollTop: 3000, scrollLeft: 1000 }, metrics, counts)
    expect(range.firstRow).toBeLessThan(100)
    expect(range.lastRow).toBeGreaterThanOrEqual(120)
    expect(range.firstColumn).toBeLessThan(10)
    expect(range.lastColumn).toBeGreaterThanOrEqual(16)
  })

  it('covers the view at every position between two steps of scrolling', () => {
    const step = STRETCH * metrics.columnWidth
    const range = rangeAt({ ...viewport, scrollLeft: 5 * step }, metrics, counts)
    expect(range.firstColumn * metrics.columnWidth).toBeLessThan(5 * step)
    expect((range.lastColumn + 1) * metrics.columnWidth).toBeGreaterThan(6 * step + viewport.width)
  })

  it('holds far fewer cells than there are', () => {
    const { firstRow, lastRow, firstColumn, lastColumn } = rangeAt(viewport, metrics, counts)
    expect((lastRow - firstRow + 1) * (lastColumn - firstColumn + 1)).toBeLessThan(500)
  })

  it('stays inside the grid at both ends', () => {
    expect(rangeAt(viewport, metrics, counts)).toMatchObject({ firstRow: 0, firstColumn: 0 })
    expect(rangeAt({ ...viewport, scrollTop: 1e7, scrollLeft: 1e7 }, metrics, counts)).toEqual({
      firstRow: 999,
      lastRow: 999,
      firstColumn: 199,
      lastColumn: 199,
    })
    expect(rangeAt(viewport, metrics, { rows: 2, columns: 3 })).toEqual({
      firstRow: 0,
      lastRow: 1,
      firstColumn: 0,
      lastColumn: 2,
    })
  })
})

describe('columnWidthFor', () => {
  it('shares the width within limits', () => {
    expect(columnWidthFor(751, 50, 7)).toBe(100)
    expect(columnWidthFor(300, 50, 7)).toBe(76)
    expect(columnWidthFor(4000, 50, 7)).toBe(168)
  })
})
