/** The engine's memory in the five parts that every screen shows. */
import type { MemoryParts } from '../contract/domain.ts'
import type { EngineMemory } from '../contract/engine.ts'

/** `other` is what the process holds beyond the engine's own buffers. */
export function memoryParts(memory: EngineMemory): MemoryParts {
  const own = memory.weightsBytes + memory.metadataBytes + memory.kvCacheBytes + memory.scratchBytes
  return {
    weights: memory.weightsBytes,
    metadata: memory.metadataBytes,
    kvCache: memory.kvCacheBytes,
    scratch: memory.scratchBytes,
    other: Math.max(0, memory.residentBytes - own),
  }
}
