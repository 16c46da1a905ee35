import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createMemoryPair } from '../wires/memory.ts'
import { createClient } from './client.ts'
import { serverMessageSchema } from './messages.ts'
import { type Handlers, serve } from './server.ts'
import { describeWire } from './testing/conformance.ts'
import { connectForkChannel, connectPagePort, connectUtilityProcess, connectWebSocket } from './testing/connections.ts'
import { createTestHandlers, testContract } from './testing/test-contract.ts'

/** The same cases each time: a failure here must not come and go. */
const RUNS = { numRuns: 300, seed: 3 }

describeWire('memory', createMemoryPair)
describeWire('a fork channel', connectForkChannel)
describeWire('a loopback WebSocket', connectWebSocket)
describeWire('a MessagePort of a page', connectPagePort)
describeWire('a utility process port', connectUtilityProcess)

describe('serve', () => {
  it('refuses to start with an unhandled method', () => {
    const { echo: _, ...incomplete } = createTestHandlers().handlers
    const pair = createMemoryPair()
    // The compiler refuses it too; this is what a stale build would hit.
    expect(() => serve(testContract, incomplete as Handlers<typeof testContract>, pair.server)).toThrow(/echo/)
  })

  it('does not take an inherited property for a handler', () => {
    const handlers = Object.create(createTestHandlers().handlers)
    expect(() => serve(testContract, handlers, createMemoryPair().server)).toThrow(/No handler/)
  })

  it('reports failures but not cancellations', async () => {
    const pair = createMemoryPair()
    const reported: string[] = []
    serve(testContract, createTestHandlers().handlers, pair.server, {
      onError: (method, error) => reported.push(`${method}: ${error.code}`),
    })
    const answers: unknown[] = []
    pair.client.onMessage((message) => answers.push(message))
    pair.client.send({ type: 'req', id: 1, method: 'wait', input: {} })
    pair.client.send({ type: 'req', id: 2, method: 'fail', input: { code: 'busy' } })
    pair.client.send({ type: 'cancel', id: 1 })
    await expect.poll(() => answers.length).toBe(2)
    expect(reported).toEqual(['fail: busy'])
  })

  it('gives each well-formed request exactly one final answer, whatever else arrives', async () => {
    const methods = fc.oneof(fc.constantFrom(...Object.keys(testContract), '__proto__', 'valueOf'), fc.string())
    const ids = fc.oneof(fc.integer({ min: 1, max: 6 }), fc.anything())
    const envelopes = fc.oneof(
      fc.record({ type: fc.constant('req'), id: ids, method: methods, input: fc.anything() }),
      fc.record({ type: fc.constant('req'), id: ids, method: methods, input: fc.constant({ to: 3, code: 'busy' }) }),
      fc.record({ type: fc.constant('cancel'), id: ids }),
      fc.record({ type: fc.string(), id: ids }),
      fc.anything(),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(envelopes, { maxLength: 30 }), async (messages) => {
        const answers = await exchange(messages)
        const finals = new Map<number, number>()
        for (const { type, id } of answers) if (type !== 'event') finals.set(id, (finals.get(id) ?? 0) + 1)
        const requested = new Set(messages.filter(isRequest).map((message) => message.id))
        expect([...finals.keys()].sort()).toEqual([...requested].sort())
        expect([...finals.values()].every((count) => count === 1)).toBe(true)
      }),
      RUNS,
    )
  })
})

describe('createClient', () => {
  it('ignores whatever else arrives while it waits for its answer', async () => {
    const noise = fc.oneof(
      fc.record({ type: fc.constantFrom('event', 'ok', 'err', 'req'), id: fc.oneof(fc.integer(), fc.anything()) }),
      fc.record({ type: fc.constant('err'), id: fc.constant(1), error: fc.anything() }),
      fc.record({ type: fc.constant('ok'), id: fc.integer({ min: 2 }), value: fc.anything() }),
      fc.anything(),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(noise, { maxLength: 20 }), async (messages) => {
        const pair = createMemoryPair()
        const client = createClient(testContract, pair.client)
        const answer = client.call('echo', { value: 'mine' })
        // An err of this id with a proper error would be a true answer.
        for (const message of messages.filter((candidate) => !isFinal(candidate))) pair.server.send(message)
        pair.server.send({ type: 'ok', id: 1, value: { value: 'mine' } })
        await expect(answer).resolves.toEqual({ value: 'mine' })
      }),
      RUNS,
    )
  })
})

/** Whether a message is a well-formed final answer to the first request. */
function isFinal(message: unknown): boolean {
  const parsed = serverMessageSchema.safeParse(message)
  return parsed.success && parsed.data.id === 1 && parsed.data.type !== 'event'
}

interface Answer {
  readonly type: string
  readonly id: number
}

/** Sends raw messages, each request id at most once, then cancels all; returns everything the server said. */
async function exchange(messages: unknown[]): Promise<Answer[]> {
  const pair = createMemoryPair()
  serve(testContract, createTestHandlers().handlers, pair.server)
  const answers: Answer[] = []
  // The client's own parser is not under test here.
  pair.client.onMessage((message) => answers.push(message as Answer))
  const used = new Set<number>()
  for (const message of messages) {
    if (isRequest(message)) {
      if (used.has(message.id)) continue
      used.add(message.id)
    }
    try {
      pair.client.send(message)
    } catch {
      // Not serialisable: never reaches the server.
      if (isRequest(message)) used.delete(message.id)
    }
  }
  for (const id of used) pair.client.send({ type: 'cancel', id })
  const finals = () => answers.filter((answer) => answer.type !== 'event').length
  for (let turn = 0; turn < 200 && finals() < used.size; turn++) await new Promise((resolve) => setImmediate(resolve))
  await new Promise((resolve) => setImmediate(resolve))
  pair.close()
  return answers
}

function isRequest(message: unknown): message is { type: 'req'; id: number; method: string } {
  if (typeof message !== 'object' || message === null) return false
  const { type, id, method } = message as Record<string, unknown>
  return type === 'req' && Number.isSafeInteger(id) && Number(id) > 0 && typeof method === 'string'
}
