import { describe, expect, it } from 'vitest'
import { parseWebOptions } from './web-options.ts'

describe('web options', () => {
  it('have defaults', () => {
    expect(parseWebOptions([])).toEqual({ dataDir: undefined, port: undefined, open: true })
  })

  it('are read from the command line', () => {
    expect(parseWebOptions(['--data-dir', '/d', '--port=0', '--no-open'])).toEqual({
      dataDir: '/d',
      port: 0,
      open: false,
    })
  })

  it.each([['--port', 'x'], ['--port', '70000'], ['--port', '1.5'], ['--unknown'], ['stray']])(
    'refuse %s %s',
    (...args) => {
      expect(() => parseWebOptions(args)).toThrow(expect.objectContaining({ code: 'bad-input' }))
    },
  )
})
