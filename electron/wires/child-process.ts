/** Both ends of a `fork` channel with advanced serialisation: the Node host's engine process. */
import { createCloseSignal, type Wire } from '../rpc/wire.ts'

/** What ChildProcess (parent's end) and process (child's end) have in common. */
export interface IpcChannel {
  readonly connected?: boolean
  send?(message: object, callback: (error: Error | null) => void): boolean
  on(event: 'message', listener: (message: unknown) => void): unknown
  once(event: 'disconnect', listener: () => void): unknown
}

export function createChildProcessWire(channel: IpcChannel): Wire {
  const ending = createCloseSignal()
  channel.once('disconnect', ending.close)
  if (!channel.connected) ending.close()
  return {
    send(message) {
      if (ending.closed || !channel.connected) return
      // RPC envelopes are objects. With a callback a send into a channel that closes meanwhile is not an 'error' event.
      channel.send?.(message as object, () => {})
    },
    onMessage: (listener) => void channel.on('message', listener),
    onClose: ending.onClose,
  }
}
