/** What the Chat screen remembers on this machine. */
const MODEL = 'chat.model'
const SETTINGS_OPEN = 'chat.settings-open'
/** Below this width the settings would leave too little room for the text. */
const ROOM_FOR_SETTINGS_PX = 1200

/** The model of the last conversation begun, for the next one. */
export function rememberedModel(): string | null {
  return localStorage.getItem(MODEL)
}

export function rememberModel(id: string): void {
  localStorage.setItem(MODEL, id)
}

/** Whether the settings stand beside the conversation: as the person left it, else where there is room. */
export function settingsOpenAtStart(): boolean {
  const stored = localStorage.getItem(SETTINGS_OPEN)
  return stored === null ? window.innerWidth >= ROOM_FOR_SETTINGS_PX : stored === 'true'
}

export function rememberSettingsOpen(open: boolean): void {
  localStorage.setItem(SETTINGS_OPEN, String(open))
}
