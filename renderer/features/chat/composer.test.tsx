import { cleanup, fireEvent, render, screen } from '@testing-library/react'
import { createRef } from 'react'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { TooltipProvider } from '../../ui/tooltip.tsx'
import { Composer, type ComposerProps } from './composer.tsx'

afterEach(cleanup)

function setUp(changes: Partial<ComposerProps> = {}) {
  const props: ComposerProps = {
    value: '',
    onChange: vi.fn(),
    running: false,
    stopping: false,
    blocked: null,
    attached: [],
    blind: null,
    onFiles: vi.fn(),
    onDetach: vi.fn(),
    field: createRef<HTMLTextAreaElement>(),
    onSend: vi.fn(),
    onStop: vi.fn(),
    onEditLast: vi.fn(),
    ...changes,
  }
  render(
    <TooltipProvider>
      <Composer {...props} />
    </TooltipProvider>,
  )
  return { props, field: screen.getByRole('textbox', { name: 'Message' }) }
}

describe('Composer', () => {
  it('sends with Enter and begins a line with Shift+Enter', () => {
    const { props, field } = setUp({ value: 'Hello' })
    fireEvent.keyDown(field, { key: 'Enter', shiftKey: true })
    expect(props.onSend).not.toHaveBeenCalled()
    fireEvent.keyDown(field, { key: 'Enter' })
    expect(props.onSend).toHaveBeenCalledOnce()
  })

  it('does not send the Enter that ends a composition', () => {
    const { props, field } = setUp({ value: 'にほん' })
    fireEvent.keyDown(field, { key: 'Enter', isComposing: true })
    expect(props.onSend).not.toHaveBeenCalled()
  })

  it('edits the last message with the arrow up, in an empty field only', () => {
    const { props, field } = setUp()
    fireEvent.keyDown(field, { key: 'ArrowUp' })
    expect(props.onEditLast).toHaveBeenCalledOnce()
    cleanup()
    const typed = setUp({ value: 'text' })
    fireEvent.keyDown(typed.field, { key: 'ArrowUp' })
    expect(typed.props.onEditLast).not.toHaveBeenCalled()
  })

  it('offers Stop while an answer is written and says why nothing can be asked', () => {
    const { props } = setUp({ running: true })
    fireEvent.click(screen.getByRole('button', { name: 'Stop' }))
    expect(props.onStop).toHaveBeenCalledOnce()
    cleanup()
    const { field } = setUp({ value: 'text', blocked: 'Pick a model first' })
    expect(field.getAttribute('placeholder')).toBe('Pick a model first')
    expect(screen.getByRole('button', { name: 'Send' })).toHaveProperty('disabled', true)
  })
})

describe('pictures', () => {
  it('are waited for before a question is sent', () => {
    const { props, field } = setUp({
      value: 'What is it?',
      attached: [{ key: 'k', name: 'cat.png', image: null, error: null }],
    })
    fireEvent.keyDown(field, { key: 'Enter' })
    expect(props.onSend).not.toHaveBeenCalled()
    fireEvent.click(screen.getByRole('button', { name: 'Take cat.png out' }))
    expect(props.onDetach).toHaveBeenCalledWith('k')
  })

  it('are not sent to a model that cannot see, which says so', () => {
    const { props, field } = setUp({ value: 'What is it?', blind: 'Demo reads text alone.' })
    expect(screen.getByRole('alert').textContent).toBe('Demo reads text alone.')
    fireEvent.keyDown(field, { key: 'Enter' })
    expect(props.onSend).not.toHaveBeenCalled()
  })
})
