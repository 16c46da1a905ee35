/** The engine's memory in the five parts that every screen shows. */
import type { MemoryParts } from '../contract/domain.ts'
import type { EngineMemory } from '../contract/engine.ts'

/** `other` is what the process holds beyond the engine's own buffers: in the machine's memory, or on the GPU that runs it. */
export function memoryParts(memory: EngineMemory): MemoryParts {
  const { device } = memory
  const held =
    device === undefined ? memory.residentBytes : device.totalBytes - device.freeBytes - (device.otherBytes ?? 0)
  const own = memory.weightsBytes + memory.metadataBytes + memory.kvCacheBytes + memory.scratchBytes
  return {
    weights: memory.weightsBytes,
    metadata: memory.metadataBytes,
    kvCache: memory.kvCacheBytes,
    scratch: memory.scratchBytes,
    other: Math.max(0, held - own),
  }
}
