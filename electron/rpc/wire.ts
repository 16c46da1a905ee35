/**
 * The transport that RPC runs on. Five kinds exist (electron/wires, renderer/client); all keep these rules:
 * messages arrive in order and once, a closed wire drops what is sent, and what arrives before `onMessage` is kept.
 */
export interface Wire {
  /**
   * Sends one JSON-like value. Throws only when the value cannot be serialised, never because the wire is closed.
   * Messages with the same `latestKey` supersede each other: a congested wire may drop all but the newest.
   */
  send(message: unknown, latestKey?: string): void
  /** One listener a wire; set once. */
  onMessage(listener: (message: unknown) => void): void
  /** Called once, also when the wire is closed already; several listeners may be added. */
  onClose(listener: () => void): void
}

/** The close half of a wire: remembers that it happened, so that late listeners hear of it too. */
export interface CloseSignal {
  readonly closed: boolean
  close(): void
  onClose(listener: () => void): void
}

export function createCloseSignal(): CloseSignal {
  const listeners = new Set<() => void>()
  let closed = false
  return {
    get closed() {
      return closed
    },
    close() {
      if (closed) return
      closed = true
      for (const listener of listeners) listener()
      listeners.clear()
    },
    onClose(listener) {
      if (closed) listener()
      else listeners.add(listener)
    },
  }
}
