/** Entry of both threads: a fast download keeps processors busy, which must not be the one that the application runs on. */
import { parentPort } from 'node:worker_threads'
import { createHasherCore } from './hasher-core.ts'
import type { ThreadData, ThreadMessage, ThreadReply } from './messages.ts'
import { createMoverCore } from './mover-core.ts'

/** What a thread does with the file it has. */
interface Core {
  // Whoever opened the file sends what goes with it.
  take(request: unknown): void
  close(): void
}

const send = (message: ThreadReply<unknown>) => parentPort?.postMessage(message)
const reply = (answer: unknown) => send({ kind: 'reply', reply: answer })
let core: Core | null = null

parentPort?.on('message', (message: ThreadMessage<unknown>) => {
  if (message.kind === 'open') core = createCore(message.data)
  else if (message.kind === 'request') core?.take(message.request)
  else {
    core?.close()
    core = null
    send({ kind: 'closed' })
  }
})

function createCore(data: ThreadData): Core {
  // The requests are those of the work.
  return (data.work === 'move' ? createMoverCore(data, reply) : createHasherCore(data, reply)) as Core
}
