import { cleanup, render, screen } from '@testing-library/react'
import { afterEach, describe, expect, it } from 'vitest'
import { MemoryBar, memoryLevel, memoryTotal } from './memory-bar.tsx'

afterEach(cleanup)
const GIB = 1024 ** 3
const parts = { weights: 4 * GIB, metadata: GIB, kvCache: 2 * GIB, scratch: GIB, other: 0.5 * GIB }

describe('memory', () => {
  it('turns amber at 80 % and red at 90 % of the budget', () => {
    expect(memoryLevel(79, 100)).toBe('ok')
    expect(memoryLevel(80, 100)).toBe('warn')
    expect(memoryLevel(90, 100)).toBe('danger')
    expect(memoryLevel(1, 0)).toBe('ok')
    expect(memoryTotal(parts)).toBe(8.5 * GIB)
  })

  it('says the parts in words', () => {
    render(<MemoryBar parts={parts} budgetBytes={10 * GIB} kind="predicted" legend />)
    expect(screen.getByRole('img').getAttribute('aria-label')).toMatch(
      /^Predicted memory: 8.50.GiB of 10.0.GiB. Weights 4.00.GiB/,
    )
    expect(screen.getByText(/tight/)).toBeDefined()
    expect(screen.getByText('KV cache')).toBeDefined()
  })

  it('says when it is too big', () => {
    render(<MemoryBar parts={parts} budgetBytes={8 * GIB} kind="measured" />)
    expect(screen.getByText(/too big/)).toBeDefined()
  })
})
