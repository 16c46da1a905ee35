import { cleanup, fireEvent, render, screen } from '@testing-library/react'
import { afterEach, expect, it, vi } from 'vitest'
import { NumberField } from './number-field.tsx'

afterEach(cleanup)

function setUp(props: Partial<Parameters<typeof NumberField>[0]> = {}) {
  const onChange = vi.fn()
  render(<NumberField aria-label="Threads" value={4} onChange={onChange} min={1} max={8} integer {...props} />)
  return { onChange, field: screen.getByRole('spinbutton', { name: 'Threads' }) }
}

it('takes a number when the field is left, moved into the range', () => {
  const { onChange, field } = setUp()
  fireEvent.change(field, { target: { value: '12' } })
  expect(onChange).not.toHaveBeenCalled()
  fireEvent.blur(field)
  expect(onChange).toHaveBeenCalledExactlyOnceWith(8)
})

it('takes back what is no number', () => {
  const { onChange, field } = setUp()
  fireEvent.change(field, { target: { value: 'many' } })
  fireEvent.keyDown(field, { key: 'Enter' })
  expect(onChange).not.toHaveBeenCalled()
  expect(field).toHaveProperty('value', '4')
})

it('steps with the arrows and may be empty where that is allowed', () => {
  const { onChange, field } = setUp({ allowEmpty: true })
  fireEvent.keyDown(field, { key: 'ArrowUp' })
  expect(onChange).toHaveBeenLastCalledWith(5)
  fireEvent.change(field, { target: { value: '' } })
  fireEvent.blur(field)
  expect(onChange).toHaveBeenLastCalledWith(null)
})

it('reads a decimal comma', () => {
  const { onChange, field } = setUp({ integer: false })
  fireEvent.change(field, { target: { value: '1,5' } })
  fireEvent.keyDown(field, { key: 'Enter' })
  expect(onChange).toHaveBeenLastCalledWith(1.5)
})
