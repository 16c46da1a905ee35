/** Numbers in sentences, with the digits a reader needs. Memory in binary units, files in decimal ones, as both are sold. */

const NO_BREAK_SPACE = '\u00a0'

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

export function formatMemory(bytes: number, digits = 3): string {
  return scaled(bytes, 1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB'], digits)
}

export function formatDisk(bytes: number, digits = 3): string {
  return scaled(bytes, 1000, ['B', 'kB', 'MB', 'GB', 'TB'], digits)
}

function scaled(bytes: number, base: number, units: readonly string[], digits: number): string {
  let value = bytes
  let unit = 0
  while (Math.abs(value) >= base * 0.9995 && unit < units.length - 1) {
    value /= base
    unit += 1
  }
  return `${unit === 0 ? Math.round(value) : significant(value, digits)}${NO_BREAK_SPACE}${units[unit]}`
}
