/** Where the built app's own files are. The bundles lie in one folder, whichever host runs them. */
import { join, resolve } from 'node:path'

export interface Layout {
  /** Engine process entry. */
  readonly worker: string
  /** Tokenizer thread entry. */
  readonly tokenizer: string
  /** Entry of the threads that fetch large files. */
  readonly mover: string
  readonly preload: string
  /** The window's files. */
  readonly renderer: string
  /** The native addon. */
  readonly addon: string
  /** What ships beside the code: `demo-model/`. */
  readonly resources: string
}

/**
 * `bundleDir` is the folder of the entry that runs. A packaged app passes Electron's resources folder; native code is
 * outside its archive, since the system's loader cannot read from one.
 */
export function layoutOf(bundleDir: string, packagedResources?: string): Layout {
  return {
    worker: join(bundleDir, 'worker.js'),
    tokenizer: join(bundleDir, 'tokenizer.js'),
    mover: join(bundleDir, 'mover.js'),
    preload: join(bundleDir, 'preload.cjs'),
    renderer: join(bundleDir, 'renderer'),
    addon: join(bundleDir.replace(/\.asar(?=[\\/]|$)/, '.asar.unpacked'), 'hqq_engine.node'),
    resources: packagedResources ?? resolve(bundleDir, '..', 'resources'),
  }
}
