import type { PickKind } from '../contract/app.ts'
import type { SecretBox } from '../contract/secrets.ts'

/** What a host must supply to the application core. Optional members are what only some hosts can do. */
export interface Platform {
  readonly host: 'electron' | 'web' | 'cli'
  /** Absolute folder of settings, records and quantized models; exists and is writable, or start-up has failed. */
  readonly dataDir: string
  /** Absolute folder of what ships with the app: `demo-model/`. */
  readonly resourcesDir: string
  /** The system's keyring, for the access token. */
  readonly secrets?: SecretBox
  /** Native dialog; null when dismissed. Absent where there is none: the window then lists folders over RPC. */
  pickPath?(kind: PickKind): Promise<string | null>
  /** Shows a file or folder in the system's file manager. */
  revealPath?(path: string): Promise<void>
  /** Opens an http(s) link in the system's browser. */
  openExternal?(url: string): Promise<void>
}
