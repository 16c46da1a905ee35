import { expect, it } from 'vitest'
import { AppError } from '../../../electron/contract/errors.ts'
import { createSeries } from './series.ts'

it('asks one version after the other and keeps what each said', async () => {
  const order: string[] = []
  const series = createSeries<string, string>(async (asked, modelId, { progress, partial }) => {
    order.push(modelId)
    progress(1, 2)
    partial('half')
    expect(series.store.getState()).toMatchObject({ running: true, progress: { modelId, done: 1, total: 2 } })
    expect(series.store.getState().results[modelId]).toBe('half')
    return `${asked} ${modelId}`
  })
  await series.start('q', ['a', 'b'])
  expect(order).toEqual(['a', 'b'])
  expect(series.store.getState()).toEqual({
    ...{ running: false, asked: 'q', progress: null, error: null },
    results: { a: 'q a', b: 'q b' },
  })
})

it('keeps what was said before an error, and shows no error for a stop', async () => {
  const series = createSeries<string, string>(async (_, modelId) => {
    if (modelId === 'b') throw new AppError('busy', 'busy')
    return 'said'
  })
  await series.start('q', ['a', 'b', 'c'])
  expect(series.store.getState()).toMatchObject({ running: false, results: { a: 'said' }, error: { code: 'busy' } })

  const stopped = createSeries<string, string>(async (_, __, { signal }) => {
    stopped.stop()
    expect(signal.aborted).toBe(true)
    throw new AppError('cancelled', 'cancelled')
  })
  await stopped.start('q', ['a', 'b'])
  expect(stopped.store.getState()).toMatchObject({ running: false, error: null })
})

it('does not listen to a run that another one replaced', async () => {
  const ends: (() => void)[] = []
  const series = createSeries<string, string>((asked) => new Promise((resolve) => ends.push(() => resolve(asked))))
  const first = series.start('old', ['a'])
  const second = series.start('new', ['a'])
  for (const end of ends) end()
  await Promise.all([first, second])
  expect(series.store.getState()).toMatchObject({ asked: 'new', results: { a: 'new' } })
})
