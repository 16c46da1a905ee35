/** Two ends in one process, for the command line and for tests. Still clones each message, as a real wire does. */
import { createCloseSignal, type Wire } from '../rpc/wire.ts'

export interface MemoryPair {
  readonly client: Wire
  readonly server: Wire
  close(): void
}

export function createMemoryPair(): MemoryPair {
  const ending = createCloseSignal()
  const toServer = createQueue()
  const toClient = createQueue()

  function end(outgoing: Queue, incoming: Queue): Wire {
    return {
      send(message) {
        const copy: unknown = structuredClone(message)
        if (!ending.closed) outgoing.push(copy)
      },
      onMessage: incoming.onMessage,
      onClose: ending.onClose,
    }
  }
  return { client: end(toServer, toClient), server: end(toClient, toServer), close: ending.close }
}

interface Queue {
  push(message: unknown): void
  onMessage(listener: (message: unknown) => void): void
}

/** Delivers on a later microtask, in order, and keeps what comes before there is a listener. */
function createQueue(): Queue {
  const waiting: unknown[] = []
  let listener: ((message: unknown) => void) | undefined

  function deliver(): void {
    if (listener && waiting.length > 0) listener(waiting.shift())
  }
  return {
    push(message) {
      waiting.push(message)
      queueMicrotask(deliver)
    },
    onMessage(added) {
      listener = added
      for (let left = waiting.length; left > 0; left--) queueMicrotask(deliver)
    },
  }
}
