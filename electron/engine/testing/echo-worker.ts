/** A process that node-starter.test.ts forks: answers, talks, and dies on request. */
import { engineContract } from '../../contract/engine.ts'
import { serve } from '../../rpc/server.ts'
import { createChildProcessWire } from '../../wires/child-process.ts'
import { createFakeEngine } from '../fake-engine.ts'

process.stderr.write(`started with ${process.argv[2]}\n`)
const wire = createChildProcessWire(process)
wire.onClose(() => process.exit(0))
serve(
  engineContract,
  {
    ...createFakeEngine(),
    'debug.crash': async ({ signal }) => {
      process.kill(process.pid, `SIG${signal}`)
      return new Promise(() => {})
    },
  },
  wire,
)
