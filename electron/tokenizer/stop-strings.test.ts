import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createStopStrings } from './stop-strings.ts'

function run(pieces: readonly string[], stops: readonly string[]): { text: string; stopped: boolean } {
  const filter = createStopStrings(stops)
  const shown = pieces.map((piece) => filter.push(piece)).join('')
  return { text: shown + filter.end(), stopped: filter.stopped }
}

describe('stop strings', () => {
  it('cut the text at the first of them and hold back what could be one', () => {
    const filter = createStopStrings(['\nUser:'])
    expect(filter.push('fine\nUs')).toBe('fine')
    expect(filter.push('ual')).toBe('\nUsual')
    expect(filter.push('\nUser: x')).toBe('')
    expect(filter.stopped).toBe(true)
    expect(filter.push('more') + filter.end()).toBe('')
  })

  it('give the same text however it is cut into pieces', () => {
    const stops = ['aab', 'ba', 'cc']
    const letters = fc.array(fc.stringMatching(/^[abc]{0,4}$/), { maxLength: 12 })
    fc.assert(
      fc.property(letters, (pieces) => {
        const whole = pieces.join('')
        const at = Math.min(...stops.map((stop) => whole.indexOf(stop)).filter((index) => index >= 0), whole.length)
        expect(run(pieces, [])).toEqual({ text: whole, stopped: false })
        expect(run([whole], stops).text).toBe(whole.slice(0, at))
        // A shorter stop string may complete before a longer one that began earlier: then the cut is where the stream ended.
        expect(whole.startsWith(run(pieces, stops).text)).toBe(true)
      }),
      { seed: 3 },
    )
  })
})
