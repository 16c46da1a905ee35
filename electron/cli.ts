/** Command line entry. */
import { createInterface } from 'node:readline/promises'
import { createApp } from './app.ts'
import { createLineReader } from './cli/line-reader.ts'
import { runProgram } from './cli/program.ts'
import { createNodeStarter } from './engine/node-starter.ts'
import { dataDirOf, ensureDataDir } from './platform/data-dir.ts'
import { layoutOf } from './platform/layout.ts'
import { createNodePlatform } from './platform/node.ts'

const layout = layoutOf(import.meta.dirname)
const cancel = new AbortController()
process.on('SIGINT', () => {
  // The second one is meant.
  if (cancel.signal.aborted) process.exit(130)
  cancel.abort()
})

process.exitCode = await runProgram(process.argv.slice(2), {
  streams: {
    stdout: (text) => void process.stdout.write(text),
    stderr: (text) => void process.stderr.write(text),
    isTerminal: process.stderr.isTTY ?? false,
  },
  signal: cancel.signal,
  readLine: createLineReader(() => createInterface({ input: process.stdin, output: process.stdout })),
  openApp(dataDir, log) {
    const folder = ensureDataDir(dataDirOf(dataDir ?? undefined, process.env, process.platform))
    return createApp({
      platform: createNodePlatform({ host: 'cli', dataDir: folder, resourcesDir: layout.resources }),
      starter: createNodeStarter({ script: layout.worker, args: [layout.addon] }),
      tokenizerScript: layout.tokenizer,
      moverScript: layout.mover,
      log,
    })
  },
})
