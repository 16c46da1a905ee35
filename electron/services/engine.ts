/** What services see of the engine: a client of its contract that outlives any one process. */
import type { EngineContract } from '../contract/engine.ts'
import type { Client } from '../rpc/client.ts'

export type Engine = Client<EngineContract>
