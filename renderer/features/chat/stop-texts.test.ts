import { describe, expect, it } from 'vitest'
import { formatStopTexts, parseStopTexts } from './stop-texts.ts'

describe('stop texts', () => {
  it('reads one a line, with escapes, and leaves out empty lines', () => {
    expect(parseStopTexts('User:\n\n\\n\\n\n\\\\n')).toEqual(['User:', '\n\n', '\\n'])
  })

  it('shows what it reads', () => {
    const stops = ['a\nb', 'tab\there', 'back\\slash', '\\n']
    expect(parseStopTexts(formatStopTexts(stops))).toEqual(stops)
  })
})
