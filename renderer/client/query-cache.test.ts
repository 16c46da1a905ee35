import { describe, expect, it, vi } from 'vitest'
import { AppError } from '../../electron/contract/errors.ts'
import { createFakeConnection } from '../testing/fake-connection.ts'
import { sampleModel } from '../testing/samples.ts'
import { createQueryCache } from './query-cache.ts'

const nothing = () => undefined

describe('query', () => {
  it('asks once for all who show the same', async () => {
    const fake = createFakeConnection({ calls: { 'models.list': () => ({ models: [sampleModel()] }) } })
    const cache = createQueryCache(fake.connection)
    const first = cache.query('models.list', {})
    const second = cache.query('models.list', {})
    first.subscribe(nothing)
    second.subscribe(nothing)
    await vi.waitFor(() => expect(first.get().data).toEqual({ models: [sampleModel()] }))
    expect(second.get()).toBe(first.get())
    expect(fake.asked).toHaveLength(1)
    cache.dispose()
  })

  it('asks again when invalidated, keeping the old answer until the new one is there', async () => {
    let count = 0
    const fake = createFakeConnection({ calls: { 'presets.list': () => ({ presets: [], count: ++count }) } })
    const cache = createQueryCache(fake.connection)
    const query = cache.query('presets.list', {})
    query.subscribe(nothing)
    await vi.waitFor(() => expect(query.get().data).toMatchObject({ count: 1 }))
    cache.invalidate('presets.list')
    expect(query.get()).toMatchObject({ data: { count: 1 }, fetching: true })
    await vi.waitFor(() => expect(query.get()).toMatchObject({ data: { count: 2 }, fetching: false }))
    cache.dispose()
  })

  it('shows the last answer to a reader who comes back, and asks again', async () => {
    let count = 0
    const fake = createFakeConnection({ calls: { 'presets.list': () => ({ presets: [], count: ++count }) } })
    const cache = createQueryCache(fake.connection)
    const leave = cache.query('presets.list', {}).subscribe(nothing)
    await vi.waitFor(() => expect(cache.query('presets.list', {}).get().data).toMatchObject({ count: 1 }))
    leave()
    const again = cache.query('presets.list', {})
    expect(again.get().data).toMatchObject({ count: 1 })
    again.subscribe(nothing)
    await vi.waitFor(() => expect(again.get().data).toMatchObject({ count: 2 }))
    cache.dispose()
  })

  it('shows an error and recovers on refetch', async () => {
    let fails = true
    const fake = createFakeConnection({
      calls: {
        'models.list': () => {
          if (fails) throw new AppError('io', 'unreadable')
          return { models: [] }
        },
      },
    })
    const cache = createQueryCache(fake.connection)
    const query = cache.query('models.list', {})
    query.subscribe(nothing)
    await vi.waitFor(() => expect(query.get().error?.code).toBe('io'))
    fails = false
    query.refetch()
    await vi.waitFor(() => expect(query.get()).toMatchObject({ error: null, data: { models: [] } }))
    cache.dispose()
  })
})

describe('watch', () => {
  it('shares one stream, shows the latest snapshot, and ends with the last reader', async () => {
    const fake = createFakeConnection({ streams: { 'models.watch': () => [{ models: [] }] } })
    const cache = createQueryCache(fake.connection)
    const watch = cache.watch('models.watch', {})
    const stops = [watch.subscribe(nothing), cache.watch('models.watch', {}).subscribe(nothing)]
    await vi.waitFor(() => expect(watch.get().data).toEqual({ models: [] }))
    expect(fake.openStreams('models.watch')).toBe(1)
    fake.emit('models.watch', { models: [sampleModel()] })
    expect(watch.get().data).toEqual({ models: [sampleModel()] })
    for (const stop of stops) stop()
    expect(fake.openStreams('models.watch')).toBe(0)
    cache.dispose()
  })

  it('subscribes again after a reconnect and keeps what was shown meanwhile', async () => {
    const fake = createFakeConnection({ streams: { 'models.watch': () => [{ models: [sampleModel()] }] } })
    const cache = createQueryCache(fake.connection)
    const watch = cache.watch('models.watch', {})
    watch.subscribe(nothing)
    await vi.waitFor(() => expect(watch.get().data).toBeDefined())
    fake.reconnect()
    expect(watch.get()).toMatchObject({ data: { models: [sampleModel()] }, error: null })
    await vi.waitFor(() => expect(fake.openStreams('models.watch')).toBe(1))
    expect(fake.asked.filter(({ method }) => method === 'models.watch')).toHaveLength(2)
    cache.dispose()
  })
})
