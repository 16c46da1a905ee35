/** `npm start`: sets up what is missing, chooses the host, says which and why in one line, and runs it. */
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { chooseHost } from './choose-host.mjs'
import { cudaChoice } from './cuda.mjs'
import { OUT, ROOT } from './paths.mjs'
import { prepare } from './prepare.mjs'
import { main, SetupError, say } from './say.mjs'

const HELP = `Usage: npm start -- [options]
  --web              run in the browser, over a server on 127.0.0.1
  --electron         run in an Electron window
  --data-dir DIR     folder for settings, records and quantized models
  --port N           port of the browser host (default: 47120, or any free one)
  --cuda             build for NVIDIA GPUs even where no driver is found (fetches the compiler when there is none)
  --cpu              do not build for NVIDIA GPUs even where there is a driver
  --no-open          do not open a browser, only print the address
  --help             this text
`

await main(async () => {
  const options = readOptions()
  if (options.help) {
    process.stdout.write(HELP)
    return 0
  }
  await prepare({ cuda: cudaChoice(options) })
  const { host, reason, binary, flags } = await chooseHost(options)
  say(`${host === 'electron' ? 'opening an Electron window' : 'running in the browser'}: ${reason}`)
  return host === 'electron' ? runElectron(binary, flags, options) : runWeb(options)
})

function readOptions() {
  try {
    return parseArgs({
      options: {
        web: { type: 'boolean' },
        electron: { type: 'boolean' },
        'data-dir': { type: 'string' },
        port: { type: 'string' },
        'no-open': { type: 'boolean' },
        cuda: { type: 'boolean' },
        cpu: { type: 'boolean' },
        help: { type: 'boolean' },
      },
    }).values
  } catch (error) {
    throw new SetupError(`${error.message}\n${HELP}`)
  }
}

/** In this process, so that signals and the terminal need no forwarding. */
async function runWeb(options) {
  const entry = join(OUT, 'web.js')
  const passed = ['data-dir', 'port'].flatMap((name) => (options[name] ? [`--${name}`, options[name]] : []))
  process.argv = [process.argv[0], entry, ...passed, ...(options['no-open'] ? ['--no-open'] : [])]
  await import(pathToFileURL(entry).href)
  return process.exitCode
}

function runElectron(binary, flags, options) {
  const passed = options['data-dir'] ? [`--data-dir=${options['data-dir']}`] : []
  const child = spawn(binary, [...flags, ROOT, ...passed], { stdio: 'inherit', cwd: ROOT })
  // Ctrl-C reaches the window by itself; this process must only outlive it to pass the exit code on.
  process.on('SIGINT', () => {})
  process.on('SIGTERM', () => child.kill('SIGTERM'))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (code, signal) => resolve(code ?? 128 + (constants.signals[signal] ?? 0)))
  })
}
