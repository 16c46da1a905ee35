/** Settings the engine process must know of, told to each new one. */
import type { Settings } from '../contract/domain.ts'
import type { Engine } from './engine.ts'

export async function engineStarted(engine: Engine, { threads }: Settings): Promise<void> {
  await engine.call('engine.configure', { threads, simd: null })
}
