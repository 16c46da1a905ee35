/**
 * Numbers as text, the same on every screen. The unit always stands beside the number: GiB for memory, GB for disk (as
 * drives are sold), tok/s, bits/weight. Digits follow the precision of what was measured.
 */

import { formatDisk, NO_BREAK_SPACE, significant, withUnit } from '../../electron/plan/units.ts'

export { formatDisk, formatMemory, significant } from '../../electron/plan/units.ts'

/** A parameter count: `14.2 M`, `1.24 B`. */
export function formatParameters(count: number): string {
  if (count < 1000) return String(count)
  return withUnit(count, 1000, ['', 'K', 'M', 'B', 'T'], 3)
}

/** `0.27 tok/s`, `142 tok/s`. */
export function formatTokensPerSecond(value: number): string {
  return `${significant(value, 3)}${NO_BREAK_SPACE}tok/s`
}

/** `4.50 bits/weight`. */
export function formatBitsPerWeight(value: number): string {
  return `${value.toFixed(2)}${NO_BREAK_SPACE}bits/weight`
}

/** `1.20 GB/s`. */
export function formatBandwidth(bytesPerSecond: number): string {
  return `${formatDisk(bytesPerSecond)}/s`
}

/** `0.4 %`, `12.3 %`; `ratio` is 0 to 1. */
export function formatPercent(ratio: number, digits = 3): string {
  return `${significant(ratio * 100, digits)}${NO_BREAK_SPACE}%`
}

/** Seconds as a person says them: `340 ms`, `4.2 s`, `3 min 20 s`, `2 h 05 min`. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return '–'
  if (seconds > 0 && seconds < 0.001) return `< 1${NO_BREAK_SPACE}ms`
  if (seconds < 1) return `${Math.round(seconds * 1000)}${NO_BREAK_SPACE}ms`
  if (seconds < 9.95) return `${seconds.toFixed(1)}${NO_BREAK_SPACE}s`
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole}${NO_BREAK_SPACE}s`
  if (whole < 3600) {
    const rest = whole % 60
    return `${Math.floor(whole / 60)}${NO_BREAK_SPACE}min${rest ? ` ${rest}${NO_BREAK_SPACE}s` : ''}`
  }
  const minutes = Math.round(whole / 60)
  return `${Math.floor(minutes / 60)}${NO_BREAK_SPACE}h ${String(minutes % 60).padStart(2, '0')}${NO_BREAK_SPACE}min`
}

/** An integer with thin groups: `12 345`. */
export function formatCount(value: number): string {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+(?!\d))/g, ' ')
}

/** A tensor shape: `4096 × 11008`. */
export function formatShape(shape: readonly number[]): string {
  return shape.length === 0 ? 'scalar' : shape.join(' × ')
}

const dateTime = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' })
const timeOnly = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' })

/** An ISO time in the reader's own style; an unreadable one is returned as it is. */
export function formatDateTime(iso: string): string {
  const time = Date.parse(iso)
  return Number.isNaN(time) ? iso : dateTime.format(time)
}

/** The time of day of an ISO time, with seconds, for logs. */
export function formatTime(iso: string): string {
  const time = Date.parse(iso)
  return Number.isNaN(time) ? iso : timeOnly.format(time)
}

/** `just now`, `5 min ago`, `3 h ago`, then the date. `now` in milliseconds. */
export function formatAgo(iso: string, now: number): string {
  const seconds = (now - Date.parse(iso)) / 1000
  if (Number.isNaN(seconds)) return iso
  if (seconds < 60) return 'just now'
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`
  return formatDateTime(iso)
}
