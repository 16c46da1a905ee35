/** Entry of a mover thread: a fast download keeps a processor busy, which must not be the one that the application runs on. */
import { parentPort, workerData } from 'node:worker_threads'
import type { MoverReply, MoverRequest } from './messages.ts'
import { createMoverCore } from './mover-core.ts'

const handle = createMoverCore(workerData, (reply: MoverReply) => parentPort?.postMessage(reply))

parentPort?.on('message', (request: MoverRequest) => handle(request))
