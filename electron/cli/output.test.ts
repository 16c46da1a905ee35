import { describe, expect, it } from 'vitest'
import { snakeCase, table } from './output.ts'
import { createProgressLine } from './progress-line.ts'

describe('tables', () => {
  it('are aligned, numbers to the right', () => {
    expect(
      table(
        ['name', 'bytes'],
        [
          ['a', '5'],
          ['longer', '1234'],
        ],
      ),
    ).toBe('name    bytes\n------  -----\na           5\nlonger   1234')
  })
})

describe('JSON documents', () => {
  it('have snake case fields, but names of things stay', () => {
    const value = { newIds: [1], memoryParts: { kvCache: 2 }, 'model.layers.0': { groupSize: 3 }, 'HQQ Studio': true }
    expect(snakeCase(value)).toEqual({
      new_ids: [1],
      memory_parts: { kv_cache: 2 },
      'model.layers.0': { group_size: 3 },
      'HQQ Studio': true,
    })
  })
})

describe('progress', () => {
  const step = {
    phase: 'quantize',
    total: 100,
    unit: 'tensors',
    rate: null,
    bytesPerSecond: null,
    etaSeconds: null,
    detail: null,
    checkpoint: null,
  }

  it('writes a line for each tenth where nothing can be written over', () => {
    const lines: string[] = []
    const progress = createProgressLine({ stdout() {}, stderr: (text) => lines.push(text), isTerminal: false })
    for (let done = 0; done <= 100; done++) progress.update({ ...step, done })
    expect(lines).toHaveLength(11)
  })

  it('writes over its line on a terminal and leaves it clean', () => {
    let screen = ''
    const progress = createProgressLine({
      stdout() {},
      stderr(text) {
        screen += text
      },
      isTerminal: true,
    })
    progress.update({ ...step, done: 1 })
    progress.end()
    expect(screen).toMatch(/^quantize: 1\/100 tensors\r +\r$/)
  })
})
