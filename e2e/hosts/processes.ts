/** The engine's process id, found from outside: the app does not tell it. Linux only, like the fault specs. */
import { readdirSync, readFileSync } from 'node:fs'

/** Direct children of `pid` whose command line contains `part`. */
function childrenOf(pid: number, part: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((candidate) => {
      try {
        const stat = readFileSync(`/proc/${candidate}/stat`, 'utf8')
        // The command name is in brackets and may hold anything; the parent is the second field after it.
        const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
        return parent === pid && readFileSync(`/proc/${candidate}/cmdline`, 'utf8').includes(part)
      } catch {
        // It ended while we looked.
        return false
      }
    })
}

/** The engine process of a host; undefined while none runs. */
export function enginePid(hostPid: number): number | undefined {
  return childrenOf(hostPid, 'worker.js')[0]
}
