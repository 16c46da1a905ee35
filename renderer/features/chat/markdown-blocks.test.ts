import { describe, expect, it } from 'vitest'
import { asCodeFence, splitBlocks } from './markdown-blocks.ts'

describe('splitBlocks', () => {
  it('cuts at blank lines', () => {
    expect(splitBlocks('# A\n\nOne\ntwo\n\n\nThree')).toEqual(['# A', 'One\ntwo', 'Three'])
  })

  it('keeps a fence with its blank lines in one block, also while it is open', () => {
    expect(splitBlocks('Text:\n```js\na\n\nb\n```\nAfter')).toEqual(['Text:', '```js\na\n\nb\n```', 'After'])
    expect(splitBlocks('```js\na\n\nb')).toEqual(['```js\na\n\nb'])
  })

  it('does not end a fence at a shorter or different one', () => {
    expect(splitBlocks('````\n```\n~~~\n````\nx')).toEqual(['````\n```\n~~~\n````', 'x'])
  })

  it('keeps the items of a loose list together', () => {
    expect(splitBlocks('1. a\n\n2. b\n\n   more\n\nEnd')).toEqual(['1. a\n\n2. b\n\n   more', 'End'])
  })

  it('keeps a fence inside a list in the list', () => {
    expect(splitBlocks('- a\n  ```\n  x\n\n  y\n  ```\n- b')).toHaveLength(1)
  })

  it('gives link definitions to every block', () => {
    expect(splitBlocks('See [a][1].\n\n[1]: https://example.org')[0]).toContain('[1]: https://example.org')
  })

  it('finished blocks stay the same while text is appended', () => {
    const text = 'Intro\n\n- a\n- b\n\n```py\nprint(1)\n\nprint(2)\n```\n\n| a | b |\n| - | - |\n| 1 | 2 |\n\nThe end.'
    const whole = splitBlocks(text)
    for (let length = 0; length <= text.length; length++) {
      const finished = splitBlocks(text.slice(0, length)).slice(0, -1)
      expect(whole.slice(0, finished.length)).toEqual(finished)
    }
  })
})

describe('asCodeFence', () => {
  it('reads language and code, closed or open', () => {
    expect(asCodeFence('```ts title\nx\n```')).toEqual({ language: 'ts', code: 'x' })
    expect(asCodeFence('~~~\nx\n\ny')).toEqual({ language: '', code: 'x\n\ny' })
  })

  it('is null for anything else', () => {
    expect(asCodeFence('plain `code`')).toBeNull()
    expect(asCodeFence('``` not `a` fence')).toBeNull()
  })
})
