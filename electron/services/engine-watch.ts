/** The engine's health as the window shows it. Watching starts the engine, so that its devices are known. */
import type { EngineStatus } from '../contract/app.ts'
import type { Supervisor } from '../engine/supervisor.ts'
import type { StreamContext } from '../rpc/server.ts'

export function watchEngine(
  supervisor: Supervisor,
  { signal, emit }: StreamContext<EngineStatus>,
): Promise<Record<string, never>> {
  return new Promise((resolve) => {
    const stop = supervisor.watch(emit)
    signal.addEventListener(
      'abort',
      () => {
        stop()
        resolve({})
      },
      { once: true },
    )
    emit(supervisor.status())
    // Its failure is in the status that follows.
    supervisor.call('engine.info', {}, { signal }).catch(() => {})
  })
}
