import { describe, expect, it } from 'vitest'
import { engineContract } from '../contract/engine.ts'
import { AppError } from '../contract/errors.ts'
import { createClient } from '../rpc/client.ts'
import { createMemoryPair } from '../wires/memory.ts'
import type { NativeEngine } from './engine-handlers.ts'
import { serveEngine } from './serve-engine.ts'

const INFO = {
  cpu: 'x',
  cores: 1,
  totalMemoryBytes: 1,
  availableMemoryBytes: 1,
  simd: { available: [], active: 'scalar' },
  threads: 1,
  devices: [],
  version: '1',
  methods: [],
}

function start(loadEngine: () => NativeEngine) {
  const pair = createMemoryPair()
  const lines: string[] = []
  const exits: number[] = []
  serveEngine({
    wire: pair.server,
    loadEngine,
    log: (line) => lines.push(line),
    exit: (code) => exits.push(code),
  })
  return { client: createClient(engineContract, pair.client), close: pair.close, lines, exits }
}

describe('engine process', () => {
  it('passes input and output of a native method through, and logs the request as JSON', async () => {
    const { client, lines } = start(() => ({
      run: async (method, input) =>
        method === 'engine.info'
          ? INFO
          : { files: [], tensors: [], quantizedLayers: [], metadata: { method, input: JSON.stringify(input) } },
    }))
    const input = { dir: '/model' }
    await expect(client.call('model.inspect', input)).resolves.toMatchObject({
      metadata: { method: 'model.inspect', input: JSON.stringify(input) },
    })
    // Asked every few seconds, and of no use for a replay.
    await client.call('engine.info', {})
    expect(lines.map((line) => JSON.parse(line))).toEqual([{ method: 'model.inspect', input }])
  })

  it('answers short questions while long work runs', async () => {
    const { client } = start(() => ({
      run: (method, _input, { signal }) =>
        method === 'engine.info'
          ? Promise.resolve(INFO)
          : new Promise((_resolve, reject) =>
              signal.addEventListener('abort', () => reject(new AppError('cancelled', 'cancelled'))),
            ),
    }))
    const controller = new AbortController()
    const long = client.call('model.unload', { handle: 'a' }, { signal: controller.signal })
    const outcome = long.catch((error: AppError) => error.code)
    await expect(client.call('engine.info', {})).resolves.toMatchObject({ version: '1' })
    controller.abort()
    await expect(outcome).resolves.toBe('cancelled')
  })

  it('refuses native output that breaks the contract', async () => {
    const { client } = start(() => ({ run: async () => ({ cores: 'many' }) }))
    await expect(client.call('engine.info', {})).rejects.toMatchObject({ code: 'bad-output' })
  })

  it('ends after a lost device, once the answer is out', async () => {
    const { client, exits } = start(() => ({
      run: () => Promise.reject(new AppError('device-lost', 'illegal address')),
    }))
    await expect(client.call('engine.info', {})).rejects.toMatchObject({ code: 'device-lost' })
    await expect.poll(() => exits).toEqual([1])
  })

  it('says why the addon could not be loaded', async () => {
    const { client } = start(() => {
      throw new Error('no such file.')
    })
    await expect(client.call('engine.info', {})).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringContaining('no such file'),
    })
  })

  it('ends with its parent', () => {
    const { close, exits } = start(() => ({ run: async () => INFO }))
    close()
    expect(exits).toEqual([0])
  })
})
