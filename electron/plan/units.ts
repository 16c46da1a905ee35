/** Numbers in sentences, with the digits a reader needs. Memory in binary units, files in decimal ones, as both are sold. */

export const NO_BREAK_SPACE = '\u00a0'

/** `value` with `digits` significant digits, never in exponent form, trailing zeros kept so that columns line up. */
export function significant(value: number, digits = 3): string {
  if (!Number.isFinite(value)) return '–'
  if (value === 0) return '0'
  const decimalsFor = (x: number) =>
    Math.max(0, Math.min(12, digits - 1 - Math.floor(Math.log10(Math.abs(x)) + Number.EPSILON)))
  const text = value.toFixed(decimalsFor(value))
  // Rounding can carry into a new digit: 9.996 becomes 10.00 and is then formatted with the decimals of 10.
  return Number(text) === 0 ? text : value.toFixed(Math.min(decimalsFor(value), decimalsFor(Number(text))))
}

/** Bytes of memory: `1.23 GiB`. */
export function formatMemory(bytes: number, digits = 3): string {
  return withUnit(bytes, 1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB'], digits)
}

/** Bytes on disk: `1.23 GB`. */
export function formatDisk(bytes: number, digits = 3): string {
  return withUnit(bytes, 1000, ['B', 'kB', 'MB', 'GB', 'TB'], digits)
}

/** `value` in the largest of `units` (each `base` times the one before) that keeps it at 1 or more; whole in the first. */
export function withUnit(value: number, base: number, units: readonly string[], digits: number): string {
  if (!Number.isFinite(value)) return '–'
  let rest = value
  let unit = 0
  while (Math.abs(rest) >= base * 0.9995 && unit < units.length - 1) {
    rest /= base
    unit += 1
  }
  return `${unit === 0 ? Math.round(rest) : significant(rest, digits)}${NO_BREAK_SPACE}${units[unit]}`
}
