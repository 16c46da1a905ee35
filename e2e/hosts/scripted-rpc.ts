/**
 * Sits on the page's WebSocket and answers the methods it has scripts for; everything else goes to the host. This gives the
 * page loads that no model on a small machine produces: 200 tokens a second, ten thousand tensors.
 */
import type { Page, WebSocketRoute } from '@playwright/test'
import { z } from 'zod'

const requestSchema = z.object({ type: z.literal('req'), id: z.number(), method: z.string(), input: z.unknown() })
const cancelSchema = z.object({ type: z.literal('cancel'), id: z.number() })

export interface ScriptedCall {
  readonly input: unknown
  /** Aborted when the page cancels. */
  readonly signal: AbortSignal
  event(value: unknown): void
}

/** Returns the final answer. */
export type Script = (call: ScriptedCall) => Promise<unknown> | unknown

/** Must be called before the page is loaded. `passOn: false` answers unscripted requests with an error. */
export async function scriptRpc(
  page: Page,
  scripts: Readonly<Record<string, Script>>,
  { passOn = true }: { passOn?: boolean } = {},
): Promise<void> {
  await page.routeWebSocket(/\/rpc$/, (socket) => {
    const host = passOn ? socket.connectToServer() : null
    const running = new Map<number, AbortController>()
    socket.onMessage((raw) => {
      const message: unknown = JSON.parse(raw.toString())
      const cancel = cancelSchema.safeParse(message)
      if (cancel.success && running.has(cancel.data.id)) return running.get(cancel.data.id)?.abort()
      const request = requestSchema.safeParse(message)
      const script = request.success ? scripts[request.data.method] : undefined
      if (!request.success || (script === undefined && host !== null)) return host?.send(raw)
      void answer(socket, request.data, script, running)
    })
  })
}

async function answer(
  socket: WebSocketRoute,
  { id, method, input }: z.infer<typeof requestSchema>,
  script: Script | undefined,
  running: Map<number, AbortController>,
): Promise<void> {
  const abort = new AbortController()
  running.set(id, abort)
  const send = (message: object) => socket.send(JSON.stringify(message))
  try {
    if (script === undefined) throw new Error(`no script for ${method}`)
    const value = await script({
      input,
      signal: abort.signal,
      event: (event) => send({ type: 'event', id, value: event }),
    })
    send({ type: 'ok', id, value })
  } catch (error) {
    send({ type: 'err', id, error: { code: 'internal', message: String(error) } })
  }
  running.delete(id)
}
