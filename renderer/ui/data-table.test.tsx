import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react'
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { fillInDom } from '../testing/render-screen.tsx'
import { type Column, DataTable, sortRows } from './data-table.tsx'

beforeAll(fillInDom)
afterEach(cleanup)

interface Row {
  name: string
  size: number | null
}

const columns: Column<Row>[] = [
  { id: 'name', header: 'Name', cell: ({ name }) => name, sortBy: ({ name }) => name },
  { id: 'size', header: 'Size', cell: ({ size }) => size, sortBy: ({ size }) => size, align: 'right' },
]
const rows: Row[] = [
  { name: 'layers.10', size: 2 },
  { name: 'layers.2', size: null },
  { name: 'layers.1', size: 30 },
]
const names = () =>
  screen
    .getAllByRole('row')
    .slice(1)
    .map((row) => row.firstElementChild?.textContent)

describe('sortRows', () => {
  it('orders numbers in names by value, and puts missing values last both ways', () => {
    const by = (id: string, descending: boolean) => sortRows(rows, columns, { id, descending }).map(({ name }) => name)
    expect(by('name', false)).toEqual(['layers.1', 'layers.2', 'layers.10'])
    expect(by('size', false)).toEqual(['layers.10', 'layers.1', 'layers.2'])
    expect(by('size', true)).toEqual(['layers.1', 'layers.10', 'layers.2'])
  })
})

describe('DataTable', () => {
  it('sorts by a press on the header and tells the order', () => {
    render(<DataTable label="Rows" columns={columns} rows={rows} rowKey={({ name }) => name} />)
    fireEvent.click(screen.getByRole('button', { name: 'Name' }))
    expect(names()).toEqual(['layers.1', 'layers.2', 'layers.10'])
    expect(screen.getByRole('columnheader', { name: 'Name' }).getAttribute('aria-sort')).toBe('ascending')
    fireEvent.click(screen.getByRole('button', { name: 'Name' }))
    expect(names()).toEqual(['layers.10', 'layers.2', 'layers.1'])
  })

  it('moves by arrows and chooses by Enter', async () => {
    const onSelect = vi.fn()
    render(<DataTable label="Rows" columns={columns} rows={rows} rowKey={({ name }) => name} onSelect={onSelect} />)
    const [, first, second] = screen.getAllByRole('row')
    first?.focus()
    fireEvent.keyDown(first ?? document.body, { key: 'ArrowDown' })
    await waitFor(() => expect(document.activeElement).toBe(second))
    fireEvent.keyDown(second ?? document.body, { key: 'Enter' })
    expect(onSelect).toHaveBeenCalledWith(rows[1])
  })

  it('keeps only the rows in view in the document when there are many', () => {
    const many = Array.from({ length: 20_000 }, (_, index) => ({ name: `row ${index}`, size: index }))
    render(<DataTable label="Rows" columns={columns} rows={many} rowKey={({ name }) => name} />)
    expect(screen.getByRole('table').getAttribute('aria-rowcount')).toBe('20001')
    expect(screen.getAllByRole('row').length).toBeLessThan(100)
  })

  it('says when there is nothing', () => {
    render(<DataTable label="Rows" columns={columns} rows={[]} rowKey={({ name }) => name} empty="No rows." />)
    expect(screen.getByText('No rows.')).toBeDefined()
  })
})
