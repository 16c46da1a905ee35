/** The engine's health as the window shows it. Watching starts the engine, so that its devices are known. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { EngineStatus } from '../contract/app.ts'
import type { Machine } from '../contract/domain.ts'
import type { Supervisor } from '../engine/supervisor.ts'
import type { StreamContext } from '../rpc/server.ts'
import type { MachineInfo } from './machine.ts'

const MACHINE_INTERVAL_MS = 2_000

/** Memory of machine and GPUs while someone looks; quiet while the engine cannot answer, for its state is told elsewhere. */
export async function watchMachine(
  { machine }: MachineInfo,
  { signal, emit }: StreamContext<Machine>,
): Promise<Record<string, never>> {
  while (!signal.aborted) {
    const now = await machine().catch(() => null)
    if (now !== null && !signal.aborted) emit(now)
    await sleep(MACHINE_INTERVAL_MS, undefined, { signal }).catch(() => {})
  }
  return {}
}

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
