/** The command line over the native engine in this process, with a data folder of its own. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createApp } from '../../app.ts'
import { inProcessStarter } from '../../engine/testing/in-process.ts'
import { runProgram } from '../program.ts'

export const RESOURCES = fileURLToPath(new URL('../../../resources', import.meta.url))

/**
 * Runs one command with `--json` and gives its exit code and document. `cancelAt`: the beginning of the line of progress that makes the
 * user press Ctrl+C.
 */
export async function runRealCli(root: string, args: readonly string[], cancelAt?: string) {
  let stdout = ''
  const cancel = new AbortController()
  const code = await runProgram([...args, '--json'], {
    streams: {
      stdout(text) {
        stdout += text
      },
      stderr: (text) => cancelAt !== undefined && text.startsWith(cancelAt) && cancel.abort(),
      isTerminal: false,
    },
    signal: cancel.signal,
    readLine: async () => null,
    async openApp() {
      const dataDir = join(root, 'data')
      mkdirSync(dataDir, { recursive: true })
      const platform = { host: 'cli' as const, dataDir, resourcesDir: RESOURCES }
      const tokenizerScript = new URL('../../tokenizer/worker.ts', import.meta.url)
      const moverScript = new URL('../../hub/mover/worker.ts', import.meta.url)
      return createApp({ platform, starter: inProcessStarter, tokenizerScript, moverScript, log() {} })
    },
  })
  return { code, json: JSON.parse(stdout) }
}
