/** Electron entry. */
import { parseArgs } from 'node:util'
import electron from 'electron'
import { runElectronHost } from './hosts/electron-host.ts'
import { layoutOf } from './platform/layout.ts'

// Chromium's own switches are among the arguments.
const { values } = parseArgs({ options: { 'data-dir': { type: 'string' } }, strict: false })
const dataDir = typeof values['data-dir'] === 'string' ? values['data-dir'] : undefined
const packagedResources = electron.app.isPackaged ? process.resourcesPath : undefined

await runElectronHost({ electron, layout: layoutOf(import.meta.dirname, packagedResources), dataDir })
