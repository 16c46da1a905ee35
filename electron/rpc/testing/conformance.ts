/** The rules every wire must keep, as one suite: run by rpc.test.ts over each of them. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { AppError } from '../../contract/errors.ts'
import { type Client, createClient } from '../client.ts'
import { type Server, serve } from '../server.ts'
import type { Wire } from '../wire.ts'
import { createTestHandlers, type Probe, type TestContract, testContract } from './test-contract.ts'

/** A connected pair; `close` breaks the connection the way this transport does. */
export interface Connection {
  readonly client: Wire
  readonly server: Wire
  close(): Promise<void> | void
}

export function describeWire(name: string, connect: () => Promise<Connection> | Connection): void {
  describe(`rpc over ${name}`, () => {
    let connection: Connection
    let client: Client<TestContract>
    let server: Server
    let probe: Probe

    beforeEach(async () => {
      connection = await connect()
      probe = createTestHandlers()
      server = serve(testContract, probe.handlers, connection.server)
      client = createClient(testContract, connection.client)
    })
    afterEach(() => connection.close())

    it('answers a call with any JSON value', async () => {
      const value = { text: 'ü漢🙂\u0000', list: [1, null, true, { deep: [] }], number: -1.5e-9 }
      await expect(client.call('echo', { value })).resolves.toEqual({ value })
    })

    it('fills in defaults of the input', async () => {
      await expect(client.call('defaults', {})).resolves.toEqual({ n: 7 })
    })

    it('delivers events in order and before the answer', async () => {
      const seen: number[] = []
      const answer = await client.stream('count', { to: 300 }, { onEvent: ({ n }) => seen.push(n) })
      expect(seen).toEqual(Array.from({ length: 300 }, (_, i) => i + 1))
      expect(answer).toEqual({ sum: 45150 })
    })

    it('answers concurrent requests each with its own answer', async () => {
      const values = Array.from({ length: 50 }, (_, i) => i)
      const answers = await Promise.all(values.map((value) => client.call('echo', { value })))
      expect(answers.map((answer) => answer.value)).toEqual(values)
    })

    it('carries code, message and data of an error', async () => {
      await expect(client.call('fail', { code: 'busy' })).rejects.toMatchObject({
        code: 'busy',
        message: 'engine is busy',
      })
      await expect(client.call('fail', { code: 'with-data' })).rejects.toMatchObject({ data: { freeBytes: 12 } })
      await expect(client.call('fail', { code: 'unknown-error' })).rejects.toMatchObject({ code: 'internal' })
    })

    it('refuses input, output and events that break the contract', async () => {
      // Deliberately outside the type.
      await expect(client.call('defaults', { n: 'seven' } as never)).rejects.toMatchObject({ code: 'bad-input' })
      await expect(client.call('badOutput', {})).rejects.toMatchObject({ code: 'bad-output' })
      const events: unknown[] = []
      const options = { onEvent: (event: unknown) => events.push(event) }
      await expect(client.stream('badEvent', {}, options)).rejects.toMatchObject({ code: 'bad-output' })
      expect(events).toEqual([])
    })

    it.each(['nope', '__proto__', 'constructor', 'toString'])('refuses the unknown method %s', async (method) => {
      await expect(client.call(method as never, {} as never)).rejects.toMatchObject({ code: 'unknown-method' })
    })

    it('rejects at once when the signal is aborted already', async () => {
      const signal = AbortSignal.abort()
      await expect(client.call('wait', {}, { signal })).rejects.toMatchObject({ code: 'cancelled' })
      expect(probe.aborts()).toBe(0)
    })

    it('cancels a running call and waits for its answer', async () => {
      const controller = new AbortController()
      const answer = client.call('wait', {}, { signal: controller.signal })
      await client.call('echo', { value: 1 })
      controller.abort()
      await expect(answer).rejects.toMatchObject({ code: 'cancelled' })
      expect(probe.aborts()).toBe(1)
    })

    it('lets a handler answer after a cancel', async () => {
      const controller = new AbortController()
      const options = { signal: controller.signal, onEvent: () => controller.abort() }
      await expect(client.stream('waitThenAnswer', {}, options)).resolves.toEqual({ finishReason: 'cancelled' })
    })

    it('cancels a stream whose listener throws and rejects with what it threw', async () => {
      const options = {
        onEvent: () => {
          throw new RangeError('listener')
        },
      }
      await expect(client.stream('waitThenAnswer', {}, options)).rejects.toThrow('listener')
    })

    it('rejects what is pending and aborts the handlers when the connection closes', async () => {
      const answers = [client.call('wait', {}), client.call('wait', {})]
      const outcomes = Promise.allSettled(answers)
      await client.call('echo', { value: 1 })
      await connection.close()
      for (const outcome of await outcomes) {
        expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'connection-lost' } })
      }
      await expect(client.call('echo', { value: 1 })).rejects.toMatchObject({ code: 'connection-lost' })
      await expect.poll(() => probe.aborts()).toBe(2)
    })

    it('aborts the handlers when the server is closed', async () => {
      const answer = client.call('wait', {}).catch((error: AppError) => error.code)
      await client.call('echo', { value: 1 })
      server.close()
      await expect.poll(() => probe.aborts()).toBe(1)
      await connection.close()
      await expect(answer).resolves.toBe('connection-lost')
    })
  })
}
