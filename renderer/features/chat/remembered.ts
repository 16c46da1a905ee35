/** The model of the last conversation begun on this machine, for the next one. */
const KEY = 'chat.model'

export function rememberedModel(): string | null {
  return localStorage.getItem(KEY)
}

export function rememberModel(id: string): void {
  localStorage.setItem(KEY, id)
}
