/** Entry of both threads: a fast download keeps processors busy, which must not be the one that the application runs on. */
import { parentPort, workerData } from 'node:worker_threads'
import { createHasherCore } from './hasher-core.ts'
import type { ThreadData } from './messages.ts'
import { createMoverCore } from './mover-core.ts'

const data: ThreadData = workerData
const reply = (message: unknown) => parentPort?.postMessage(message)

parentPort?.on('message', data.work === 'move' ? createMoverCore(data, reply) : createHasherCore(data, reply))
