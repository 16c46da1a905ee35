/** Engine process entry. The only bundle that reaches the native addon. */
import { loadEngine } from './engine/addon.ts'
import { serveEngine } from './engine/serve-engine.ts'
import { createChildProcessWire } from './wires/child-process.ts'
import { createParentPortWire } from './wires/electron-port.ts'

// Ctrl-C in a terminal reaches all its processes; only the parent decides when the engine ends.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {})

const [addonPath = ''] = process.argv.slice(2)

serveEngine({
  // Set in an Electron utility process only.
  wire: process.parentPort ? createParentPortWire(process.parentPort) : createChildProcessWire(process),
  loadEngine: () => loadEngine(addonPath),
  log: (line) => process.stderr.write(`${line}\n`),
  exit: (code) => process.exit(code),
})
