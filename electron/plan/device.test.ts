import { describe, expect, it } from 'vitest'
import type { Device, Machine } from '../contract/domain.ts'
import { chooseDevice, gpuOf, memoryFor } from './device.ts'
import { memoryToRun } from './memory.ts'

function gpu(ordinal: number, freeBytes: number, problem: string | null = null): Device {
  const uuid = `GPU-${ordinal}`
  return {
    id: `cuda:${uuid}`,
    name: `Card ${ordinal}`,
    kind: 'cuda',
    totalBytes: 24e9,
    freeBytes,
    gpu: {
      uuid,
      ordinal,
      computeCapability: '9.0',
      multiprocessors: 1,
      driver: null,
      otherBytes: null,
      utilization: null,
      own: { weights: 1e9, metadata: 0, kvCache: 0, scratch: 0 },
      problem,
    },
  }
}

function machine(...gpus: Device[]): Machine {
  return {
    cpu: 'Some CPU',
    cores: 2,
    totalMemoryBytes: 16e9,
    availableMemoryBytes: 8e9,
    simd: { available: [], active: 'scalar' },
    threads: 2,
    devices: [{ id: 'cpu', name: 'Some CPU', kind: 'cpu', totalBytes: 16e9, freeBytes: 8e9 }, ...gpus],
    cuda: gpus.length > 0 ? { state: 'ready', sentence: 'Ready.' } : { state: 'no-driver', sentence: 'No driver.' },
  }
}

describe('the device a choice means', () => {
  it('is the usable GPU with most free memory, else the CPU', () => {
    expect(chooseDevice('auto', machine()).id).toBe('cpu')
    expect(chooseDevice('auto', machine(gpu(0, 1e9), gpu(1, 9e9), gpu(2, 20e9, 'Broken.'))).id).toBe('cuda:GPU-1')
    expect(chooseDevice('auto', machine(gpu(0, 1e9, 'Broken.'))).id).toBe('cpu')
    expect(chooseDevice('cpu', machine(gpu(0, 1e9))).id).toBe('cpu')
  })

  it('is found by ordinal and UUID', () => {
    const two = machine(gpu(0, 9e9), gpu(1, 1e9))
    for (const choice of ['cuda:1', 'cuda:GPU-1', 'GPU-1']) expect(chooseDevice(choice, two).id).toBe('cuda:GPU-1')
    expect(chooseDevice('cuda', two).id).toBe('cuda:GPU-0')
  })

  it('is refused with the reason when it cannot be used', () => {
    expect(() => chooseDevice('cuda', machine())).toThrow('No driver.')
    expect(() => chooseDevice('cuda:0', machine())).toThrow('No driver.')
    expect(() => chooseDevice('cuda:7', machine(gpu(0, 1e9)))).toThrow('There is no GPU 7. There is cuda:0 (Card 0).')
    expect(() => chooseDevice('cuda:0', machine(gpu(0, 1e9, 'Broken.')))).toThrow('Card 0 cannot be used. Broken.')
  })
})

describe('the memory a model will find', () => {
  it("is the GPU's, with what the engine holds there counted as free", () => {
    expect(memoryFor('auto', machine(gpu(0, 9e9)))).toEqual({
      name: 'Card 0',
      availableMemoryBytes: 10e9,
      totalMemoryBytes: 24e9,
      kind: 'cuda',
    })
  })

  it("is the machine's where the choice cannot be met", () => {
    expect(memoryFor('cuda:3', machine(gpu(0, 9e9)))).toMatchObject({ name: 'Some CPU', availableMemoryBytes: 8e9 })
    expect(gpuOf('cuda:3', machine())).toBeNull()
  })
})

describe('the memory a model takes on a GPU', () => {
  const config = {
    architecture: 'LlamaForCausalLM',
    modelType: 'llama',
    layers: 32,
    hiddenSize: 4096,
    intermediateSize: 11008,
    heads: 32,
    kvHeads: 32,
    headDim: 128,
    vocabSize: 32000,
    contextLength: 4096,
    tiedEmbeddings: false,
  }

  it('has a float16 cache, and buffers for one batch', () => {
    const parts = memoryToRun({ weightBytes: 3.5e9, metadataBytes: 4e8 }, config, 2048, 'cuda')
    expect(parts).toMatchObject({ weights: 3.5e9, metadata: 4e8, kvCache: 2 ** 30 })
    expect(parts.scratch).toBeGreaterThan(10e6)
    expect(parts.scratch).toBeLessThan(60e6)
    expect(memoryToRun({ weightBytes: 0, metadataBytes: 0 }, config, 2048).kvCache).toBe(2 ** 31)
  })
})
