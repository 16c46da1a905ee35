/** Browser host entry. */
import { toAppError } from './contract/errors.ts'
import { stopOnSignal } from './hosts/stop-on-signal.ts'
import { startWebHost } from './hosts/web-host.ts'
import { parseWebOptions } from './hosts/web-options.ts'
import { layoutOf } from './platform/layout.ts'

try {
  const print = (line: string) => process.stdout.write(`${line}\n`)
  const host = await startWebHost(parseWebOptions(process.argv.slice(2)), layoutOf(import.meta.dirname), print)
  stopOnSignal(host.close)
} catch (thrown) {
  process.stderr.write(`hqq-studio: ${toAppError(thrown).message}\n`)
  process.exit(1)
}
