import { describe, expect, it, vi } from 'vitest'
import { AppError } from '../../electron/contract/errors.ts'
import { createCloseSignal } from '../../electron/rpc/wire.ts'
import { FAKE_HOST } from '../testing/fake-connection.ts'
import { createConnection } from './connection.ts'
import type { ClosableWire } from './socket-wire.ts'

interface ServerEnd {
  wire: ClosableWire
  close(): void
}

type Answer = (method: string) => unknown

/** A wire whose other end answers each request with what `answer` returns, or not at all for undefined. */
function createAnsweringWire(answer: Answer): ServerEnd {
  const ending = createCloseSignal()
  let listener: (message: unknown) => void = () => undefined
  const wire: ClosableWire = {
    send(message) {
      // Only requests are sent in these tests.
      const { id, method } = message as { id: number; method: string }
      const reply = answer(method)
      if (reply !== undefined && !ending.closed) queueMicrotask(() => listener(Object.assign({ id }, reply)))
    },
    onMessage(added) {
      listener = added
    },
    onClose: ending.onClose,
    close: ending.close,
  }
  return { wire, close: ending.close }
}

const hello: Answer = (method) => (method === 'app.hello' ? { type: 'ok', value: FAKE_HOST } : undefined)

describe('createConnection', () => {
  it('says hello and is open', async () => {
    const { wire } = createAnsweringWire(hello)
    const connection = createConnection({ openWire: async () => wire, appVersion: '1', waitsMs: [0] })
    await vi.waitFor(() => expect(connection.store.getState().status).toBe('open'))
    expect(connection.store.getState().host).toEqual(FAKE_HOST)
    connection.dispose()
  })

  it('lets a call wait for the connection', async () => {
    const opening = Promise.withResolvers<ClosableWire>()
    const connection = createConnection({ openWire: () => opening.promise, appVersion: '1', waitsMs: [0] })
    const answer = connection.client.call('models.list', {})
    const { wire } = createAnsweringWire((method) =>
      method === 'models.list' ? { type: 'ok', value: { models: [] } } : hello(method),
    )
    opening.resolve(wire)
    expect(await answer).toEqual({ models: [] })
    connection.dispose()
  })

  it('opens another wire when one closes, and rejects what was under way', async () => {
    const ends: ServerEnd[] = []
    const connection = createConnection({
      openWire: async () => {
        const end = createAnsweringWire(hello)
        ends.push(end)
        return end.wire
      },
      appVersion: '1',
      waitsMs: [0],
    })
    await vi.waitFor(() => expect(connection.store.getState().epoch).toBe(1))
    const pending = connection.client.call('models.list', {})
    await Promise.resolve()
    ends[0]?.close()
    await expect(pending).rejects.toMatchObject({ code: 'connection-lost' })
    await vi.waitFor(() => expect(connection.store.getState()).toMatchObject({ status: 'open', epoch: 2 }))
    connection.dispose()
  })

  it('tries again while nothing answers, and says so', async () => {
    let attempts = 0
    const connection = createConnection({
      openWire: async () => {
        attempts += 1
        if (attempts < 3) throw new Error('refused')
        return createAnsweringWire(hello).wire
      },
      appVersion: '1',
      waitsMs: [0],
    })
    const seen: string[] = []
    connection.store.subscribe(({ status }) => seen.push(status))
    await vi.waitFor(() => expect(connection.store.getState().status).toBe('open'))
    expect(attempts).toBe(3)
    expect(seen).toContain('lost')
    connection.dispose()
  })

  it('stops at another version, with the reason, and does not hang the calls', async () => {
    const error = { code: 'version-mismatch', message: 'The app is 2, the window is 1.' }
    const open = vi.fn(async () => createAnsweringWire(() => ({ type: 'err', error })).wire)
    const connection = createConnection({ openWire: open, appVersion: '1', waitsMs: [0] })
    await expect(connection.client.call('models.list', {})).rejects.toMatchObject(error)
    expect(connection.store.getState()).toMatchObject({ status: 'refused', error })
    expect(open).toHaveBeenCalledTimes(1)
    connection.dispose()
  })

  it('goes on trying where permission may still come', async () => {
    let allowed = false
    const connection = createConnection({
      openWire: async () => {
        if (!allowed) throw new AppError('not-allowed', 'Open the printed address.')
        return createAnsweringWire(hello).wire
      },
      appVersion: '1',
      waitsMs: [0],
    })
    await vi.waitFor(() => expect(connection.store.getState().status).toBe('refused'))
    allowed = true
    await vi.waitFor(() => expect(connection.store.getState()).toMatchObject({ status: 'open', error: null }))
    connection.dispose()
  })

  it('rejects a waiting call when it is aborted', async () => {
    const connection = createConnection({ openWire: () => new Promise(() => undefined), appVersion: '1' })
    const abort = new AbortController()
    const call = connection.client.call('models.list', {}, { signal: abort.signal })
    abort.abort()
    await expect(call).rejects.toMatchObject({ code: 'cancelled' })
    connection.dispose()
  })
})
