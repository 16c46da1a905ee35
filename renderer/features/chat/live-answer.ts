/**
 * The answer that is being written. Events arrive as fast as the model speaks (200 a second and more); readers are told at
 * most once a frame and 30 times a second, so that a long chat keeps its frame rate. Nothing is dropped: `text()` is always exact.
 */
import type { ChatEvent } from '../../../electron/contract/app.ts'

export interface LiveSnapshot {
  phase: 'waiting' | 'loading' | 'prefill' | 'writing'
  text: string
  newTokens: number
  promptTokens: number | null
  prefill: { done: number; total: number } | null
  /** From asking to the first text, measured here; null before it. */
  timeToFirstTokenMs: number | null
  /** Measured here since the first text; null until it means something. */
  tokensPerSecond: number | null
}

/** Calls back before the next frame; returns a function that takes the request back. */
export type FrameScheduler = (callback: () => void) => () => void

export interface LiveAnswer {
  begin(): void
  push(event: ChatEvent): void
  /** Tells readers what is pending at once; used when the answer ends. */
  flush(): void
  text(): string
  snapshot(): LiveSnapshot
  subscribe(listener: () => void): () => void
}

const EMPTY: LiveSnapshot = {
  phase: 'waiting',
  text: '',
  newTokens: 0,
  promptTokens: null,
  prefill: null,
  timeToFirstTokenMs: null,
  tokensPerSecond: null,
}

/** Half of the frames stay free for scrolling and typing. */
const MIN_INTERVAL_MS = 33
/** A rate from fewer tokens than this jumps about. */
const MIN_TOKENS_FOR_RATE = 4

export function createLiveAnswer(deps: { schedule: FrameScheduler; now: () => number }): LiveAnswer {
  const listeners = new Set<() => void>()
  let next = EMPTY
  let shown = EMPTY
  let startedAt = 0
  let firstTextAt = 0
  let firstTextTokens = 0
  let lastFlushAt = Number.NEGATIVE_INFINITY
  let takeBack: (() => void) | null = null

  function flush(): void {
    takeBack?.()
    takeBack = null
    if (shown === next) return
    lastFlushAt = deps.now()
    shown = next
    for (const listener of listeners) listener()
  }

  function onFrame(): void {
    takeBack = null
    if (deps.now() - lastFlushAt < MIN_INTERVAL_MS) plan()
    else flush()
  }

  function plan(): void {
    takeBack ??= deps.schedule(onFrame)
  }

  function appendText(delta: string, newTokens: number): LiveSnapshot {
    const now = deps.now()
    const total = next.newTokens + newTokens
    if (next.timeToFirstTokenMs === null) {
      firstTextAt = now
      firstTextTokens = total
    }
    const counted = total - firstTextTokens
    const elapsed = now - firstTextAt
    return {
      ...next,
      phase: 'writing',
      text: next.text + delta,
      newTokens: total,
      timeToFirstTokenMs: next.timeToFirstTokenMs ?? now - startedAt,
      tokensPerSecond: counted >= MIN_TOKENS_FOR_RATE && elapsed > 0 ? (counted * 1000) / elapsed : null,
    }
  }

  function reduce(event: ChatEvent): LiveSnapshot {
    switch (event.type) {
      case 'loading':
        return { ...next, phase: 'loading' }
      case 'prompt':
        return { ...next, phase: 'prefill', promptTokens: event.tokens }
      case 'prefill':
        return { ...next, phase: 'prefill', prefill: { done: event.done, total: event.total } }
      case 'text':
        return appendText(event.delta, event.newTokens)
    }
  }

  return {
    begin() {
      startedAt = deps.now()
      next = { ...EMPTY }
      flush()
    },
    push(event) {
      next = reduce(event)
      plan()
    },
    flush,
    text: () => next.text,
    snapshot: () => shown,
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}
