/** Starts fake engines the way hosts start processes, and can kill them, for tests of what happens then. */
import { engineContract } from '../contract/engine.ts'
import { serve } from '../rpc/server.ts'
import { createMemoryPair } from '../wires/memory.ts'
import { createFakeEngine, type FakeEngineOptions } from './fake-engine.ts'
import type { EngineProcess, Starter } from './starter.ts'

export interface FakeStarter extends Starter {
  /** Ends the running engine as a crash would. */
  crash(): void
  readonly starts: number
}

export function createFakeStarter(options: FakeEngineOptions = {}): FakeStarter {
  let current: { die(detail: string): void } | undefined
  let starts = 0
  return {
    start() {
      starts++
      const pair = createMemoryPair()
      const listeners = new Set<(detail: string) => void>()
      let dead = false
      function die(detail: string): void {
        if (dead) return
        dead = true
        pair.close()
        for (const listener of listeners) listener(detail)
      }
      const onCrash = (signal: string) => {
        options.onCrash?.(signal)
        die(`signal SIG${signal}`)
      }
      serve(engineContract, createFakeEngine({ ...options, onCrash }), pair.server)
      current = { die }
      return {
        wire: pair.client,
        pid: undefined,
        onExit: (listener) => listeners.add(listener),
        onOutput() {},
        kill: () => die('killed'),
      } satisfies EngineProcess
    },
    crash: () => current?.die('signal SIGKILL'),
    get starts() {
      return starts
    },
  }
}
