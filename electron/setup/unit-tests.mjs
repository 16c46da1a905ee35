/** Unit, contract and structure tests: vitest over electron/ and renderer/. */
import { join } from 'node:path'
import { countsOf } from './counts.mjs'
import { MODULES, nodePath } from './paths.mjs'
import { run } from './run-command.mjs'
import { SetupError } from './say.mjs'

export async function runUnitTests(...filters) {
  const node = nodePath()
  if (node === process.execPath && Number(process.versions.node.split('.')[0]) < 22) {
    throw new SetupError('The unit tests need Node 22 or later on this system.')
  }
  return countsOf(await run(node, [join(MODULES, 'vitest', 'vitest.mjs'), 'run', ...filters]))
}
