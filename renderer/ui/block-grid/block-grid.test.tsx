import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react'
import { useState } from 'react'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { fillInDom } from '../../testing/render-screen.tsx'
import { BlockGrid } from './block-grid.tsx'
import { buildGrid, type CellNames } from './grid-model.ts'
import { STRETCH } from './grid-window.ts'

beforeAll(fillInDom)
afterEach(cleanup)

const tags = ['q', 'k', 'v']
const linears = (blocks: number) =>
  Array.from({ length: blocks }, (_, block) =>
    tags.map((tag) => ({ name: `layers.${block}.${tag}`, block, tag })),
  ).flat()

const view = (names: CellNames) => ({ text: 'x', detail: '', words: names.join(), fill: null, ink: null })

function TestGrid({ blocks = 4, onKey }: { blocks?: number; onKey?: (key: string) => boolean }) {
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set())
  const [model] = useState(() => buildGrid(linears(blocks)))
  return (
    <BlockGrid
      label="Grid"
      model={model}
      view={view}
      selected={selected}
      onSelect={(names, mode) =>
        setSelected((old) => {
          if (mode === 'replace') return new Set(names)
          const next = new Set(old)
          const removes = mode === 'toggle' && names.every((name) => next.has(name))
          for (const name of names) removes ? next.delete(name) : next.add(name)
          return next
        })
      }
      {...(onKey ? { onKey } : {})}
    />
  )
}

const cell = (name: string) => screen.getByRole('gridcell', { name })
const selection = () =>
  screen
    .getAllByRole('gridcell')
    .filter((element) => element.getAttribute('aria-selected') === 'true')
    .map((element) => element.getAttribute('aria-label'))

function press(key: string, options: object = {}): void {
  fireEvent.keyDown(document.activeElement ?? document.body, { key, ...options })
}

describe('BlockGrid', () => {
  it('selects a cell, a range with Shift, and adds with Control', () => {
    render(<TestGrid />)
    fireEvent.pointerDown(cell('layers.0.k'), { button: 0 })
    fireEvent.pointerUp(window)
    expect(selection()).toEqual(['layers.0.k'])
    fireEvent.pointerDown(cell('layers.1.v'), { button: 0, shiftKey: true })
    fireEvent.pointerUp(window)
    expect(selection()).toEqual(['layers.0.k', 'layers.0.v', 'layers.1.k', 'layers.1.v'])
    fireEvent.pointerDown(cell('layers.3.q'), { button: 0, ctrlKey: true })
    expect(selection()).toContain('layers.3.q')
    fireEvent.pointerUp(window)
    fireEvent.pointerDown(cell('layers.3.q'), { button: 0, ctrlKey: true })
    expect(selection()).not.toContain('layers.3.q')
  })

  it('brushes over cells, but not when only the page moved', () => {
    render(<TestGrid />)
    fireEvent.pointerDown(cell('layers.0.q'), { button: 0, clientX: 10, clientY: 10 })
    fireEvent.pointerOver(cell('layers.1.q'), { clientX: 10, clientY: 11 })
    expect(selection()).toEqual(['layers.0.q'])
    fireEvent.pointerOver(cell('layers.1.k'), { clientX: 40, clientY: 40 })
    expect(selection()).toHaveLength(4)
    fireEvent.pointerUp(window)
    fireEvent.pointerOver(cell('layers.3.v'), { clientX: 80, clientY: 80 })
    expect(selection()).toHaveLength(4)
  })

  it('selects rows, columns and everything by their headers', () => {
    render(<TestGrid />)
    fireEvent.click(screen.getByRole('button', { name: 'Select block 2' }))
    expect(selection()).toEqual(['layers.2.q', 'layers.2.k', 'layers.2.v'])
    fireEvent.click(screen.getByRole('button', { name: 'Select column v' }))
    expect(selection()).toHaveLength(4)
    fireEvent.click(screen.getByRole('button', { name: 'Block' }))
    expect(selection()).toHaveLength(12)
  })

  it('has one tab stop that the arrows move, and selects by keyboard', async () => {
    render(<TestGrid />)
    const stops = () => screen.getAllByRole('gridcell').filter((element) => element.tabIndex === 0)
    expect(stops()).toEqual([cell('layers.0.q')])
    cell('layers.0.q').focus()
    press('ArrowDown')
    await waitFor(() => expect(document.activeElement).toBe(cell('layers.1.q')))
    expect(stops()).toEqual([cell('layers.1.q')])
    press(' ')
    expect(selection()).toEqual(['layers.1.q'])
    press('ArrowRight', { shiftKey: true })
    await waitFor(() => expect(document.activeElement).toBe(cell('layers.1.k')))
    expect(selection()).toEqual(['layers.1.q', 'layers.1.k'])
    press(' ', { shiftKey: true })
    expect(selection()).toHaveLength(3)
    press(' ', { ctrlKey: true })
    expect(selection()).toHaveLength(4)
    press('a', { ctrlKey: true })
    expect(selection()).toHaveLength(12)
    press('Escape')
    expect(selection()).toEqual([])
    press('End', { ctrlKey: true })
    await waitFor(() => expect(document.activeElement).toBe(cell('layers.3.v')))
  })

  it('passes other keys on', () => {
    const keys: string[] = []
    render(<TestGrid onKey={(key) => keys.push(key) > 0} />)
    cell('layers.0.q').focus()
    press('4')
    expect(keys).toEqual(['4'])
  })

  it('shows the columns of a wide block in order, each with its position', () => {
    const wide = Array.from({ length: 30 }, (_, index) => ({ name: `layers.0.t${index}`, block: 0, tag: `t${index}` }))
    render(<BlockGrid label="Wide" model={buildGrid(wide)} view={view} />)
    const cells = screen.getAllByRole('gridcell')
    expect(cells.length).toBeGreaterThan(STRETCH)
    expect(cells.map((element) => element.getAttribute('aria-label'))).toEqual(
      cells.map((_, index) => `layers.0.t${index}`),
    )
    expect(cells.map((element) => element.getAttribute('aria-colindex'))).toEqual(
      cells.map((_, index) => String(index + 2)),
    )
  })

  it('does not draw cells again because another one is pointed at', () => {
    let drawn = 0
    const pointed: (string | undefined)[] = []
    const counted = (names: CellNames) => {
      drawn += 1
      return view(names)
    }
    const model = buildGrid(linears(4))
    render(<BlockGrid label="Grid" model={model} view={counted} onPoint={(names) => pointed.push(names?.[0])} />)
    const before = drawn
    fireEvent.pointerOver(cell('layers.1.k'))
    fireEvent.pointerOver(cell('layers.2.v'))
    expect(pointed).toEqual(['layers.1.k', 'layers.2.v'])
    expect(drawn).toBe(before)
  })

  it('keeps only cells in view in the document, and the focused one', async () => {
    render(<TestGrid blocks={5000} />)
    expect(screen.getByRole('grid').getAttribute('aria-rowcount')).toBe('5001')
    expect(screen.getAllByRole('gridcell').length).toBeLessThan(150)
    cell('layers.0.q').focus()
    press('End', { ctrlKey: true })
    await waitFor(() => expect(document.activeElement).toBe(cell('layers.4999.v')))
  })
})
