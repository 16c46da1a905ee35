/**
 * The one colour map for ordered data (error, bits): viridis, sampled at eleven points and interpolated in sRGB. It is
 * even in lightness and safe for colour-blind readers; on a dark ground it runs the other way, so that "more" always
 * stands out from the background.
 */
export type ColorTheme = 'light' | 'dark'

type Rgb = readonly [number, number, number]

const VIRIDIS: readonly Rgb[] = [
  [253, 231, 37],
  [189, 223, 38],
  [122, 209, 81],
  [68, 191, 112],
  [34, 168, 132],
  [33, 145, 140],
  [42, 120, 142],
  [53, 95, 141],
  [65, 68, 135],
  [72, 36, 117],
  [68, 1, 84],
]

function sample(t: number, theme: ColorTheme): Rgb {
  const clamped = Number.isFinite(t) ? Math.min(1, Math.max(0, t)) : 0
  const position = (theme === 'light' ? clamped : 1 - clamped) * (VIRIDIS.length - 1)
  const low = VIRIDIS[Math.floor(position)] ?? [0, 0, 0]
  const high = VIRIDIS[Math.ceil(position)] ?? low
  const part = position - Math.floor(position)
  return [mix(low[0], high[0], part), mix(low[1], high[1], part), mix(low[2], high[2], part)]
}

function mix(from: number, to: number, part: number): number {
  return Math.round(from + (to - from) * part)
}

/** Colour of `t` (0 low, 1 high) as `rgb(r g b)`; light to dark on a light ground, dark to light on a dark one. */
export function sequentialColor(t: number, theme: ColorTheme): string {
  return `rgb(${sample(t, theme).join(' ')})`
}

/** Black or white, whichever reads better on `sequentialColor(t, theme)`. */
export function sequentialInk(t: number, theme: ColorTheme): string {
  return luminance(sample(t, theme)) > 0.179 ? '#000' : '#fff'
}

/** The map as a CSS gradient from left (0) to right (1), for legends. */
export function sequentialGradient(theme: ColorTheme): string {
  const stops = VIRIDIS.map((_, index) => sequentialColor(index / (VIRIDIS.length - 1), theme))
  return `linear-gradient(to right, ${stops.join(', ')})`
}

/** Relative luminance as WCAG defines it. */
function luminance([r, g, b]: Rgb): number {
  const [lr, lg, lb] = [linear(r), linear(g), linear(b)]
  return 0.2126 * lr + 0.7152 * lg + 0.0722 * lb
}

function linear(channel: number): number {
  const value = channel / 255
  return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
}
