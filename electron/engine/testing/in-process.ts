/** The native engine in this process: what a process boundary adds is tested where processes are. */
import { engineContract } from '../../contract/engine.ts'
import { serve } from '../../rpc/server.ts'
import { createMemoryPair } from '../../wires/memory.ts'
import { loadEngine } from '../addon.ts'
import { createEngineHandlers } from '../engine-handlers.ts'
import type { Starter } from '../starter.ts'

export const inProcessStarter: Starter = {
  start() {
    const pair = createMemoryPair()
    serve(engineContract, createEngineHandlers(loadEngine()), pair.server)
    const onExit = (listener: (detail: string) => void) => pair.server.onClose(() => listener('closed'))
    return { wire: pair.client, pid: undefined, onExit, onOutput() {}, kill: pair.close }
  },
}
