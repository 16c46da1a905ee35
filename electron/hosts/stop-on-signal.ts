/** Ends a host cleanly on Ctrl-C and on termination; a second signal ends it at once. */
export function stopOnSignal(close: () => Promise<void>): void {
  let stopping = false
  function stop(): void {
    if (stopping) process.exit(130)
    stopping = true
    close().then(
      () => process.exit(0),
      () => process.exit(1),
    )
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
}
