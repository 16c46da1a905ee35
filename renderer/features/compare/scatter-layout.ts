/** Where things stand in the perplexity chart: scales, ticks and labels that do not cover each other. Pure. */
import { scaleLinear, scaleLog } from 'd3-scale'

export interface ScatterPoint {
  readonly id: string
  readonly label: string
  readonly bytes: number
  readonly perplexity: number
  readonly isOriginal: boolean
}

export interface PlacedPoint extends ScatterPoint {
  readonly x: number
  readonly y: number
  readonly labelX: number
  readonly labelY: number
  readonly anchor: 'start' | 'end' | 'middle'
}

export interface ScatterLayout {
  readonly points: readonly PlacedPoint[]
  readonly xTicks: readonly { at: number; value: number }[]
  readonly yTicks: readonly { at: number; value: number }[]
  /** Height of the original's perplexity, to see the loss against; null when it was not measured. */
  readonly originalY: number | null
}

export interface PlotBox {
  readonly width: number
  readonly height: number
  readonly left: number
  readonly right: number
  readonly top: number
  readonly bottom: number
}

const LABEL_HEIGHT = 14
const LETTER_WIDTH = 6.2
const RADIUS = 6

/** Bytes from zero on a linear scale; perplexity on a logarithmic one, because it spans orders of magnitude. */
export function layOutScatter(points: readonly ScatterPoint[], box: PlotBox): ScatterLayout {
  const maxBytes = Math.max(...points.map(({ bytes }) => bytes), 1)
  const values = points.map(({ perplexity }) => perplexity)
  const low = Math.min(...values) / 1.08
  const high = Math.max(...values) * 1.08
  const x = scaleLinear([0, maxBytes * 1.08], [box.left, box.width - box.right])
  const y = scaleLog([low, Math.max(high, low * 1.2)], [box.height - box.bottom, box.top])
  const original = points.find(({ isOriginal }) => isOriginal)
  const originalY = original === undefined ? null : y(original.perplexity)
  return {
    points: placeLabels(
      points.map((point) => ({ ...point, x: x(point.bytes), y: y(point.perplexity) })),
      box,
      originalY,
    ),
    xTicks: x.ticks(Math.max(2, Math.floor(box.width / 110))).map((value) => ({ at: x(value), value })),
    yTicks: logTicks(low, Math.max(high, low * 1.2)).map((value) => ({ at: y(value), value })),
    originalY,
  }
}

/** Between three and about seven round values, whatever part of a decade is shown. */
export function logTicks(low: number, high: number): number[] {
  for (const steps of [
    [1],
    [1, 3],
    [1, 2, 5],
    [1, 1.5, 2, 3, 5, 7],
    [1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 4, 5, 6, 7, 8, 9],
  ]) {
    const ticks: number[] = []
    for (let decade = Math.floor(Math.log10(low)); decade <= Math.log10(high); decade += 1) {
      for (const step of steps) {
        const value = Number((step * 10 ** decade).toPrecision(3))
        if (value >= low && value <= high) ticks.push(value)
      }
    }
    if (ticks.length >= 3) return ticks
  }
  return scaleLinear([low, high], [0, 1]).ticks(4)
}

interface Rect {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

/** Each label takes the first free place of right, left, above and below its point. */
function placeLabels(
  points: readonly (ScatterPoint & { x: number; y: number })[],
  box: PlotBox,
  lineY: number | null,
): PlacedPoint[] {
  const taken: Rect[] = points.map(({ x, y }) => ({
    x: x - RADIUS,
    y: y - RADIUS,
    width: RADIUS * 2,
    height: RADIUS * 2,
  }))
  if (lineY !== null) taken.push({ x: 0, y: lineY - 1, width: box.width, height: 2 })
  return points.map((point, index) => {
    const width = point.label.length * LETTER_WIDTH
    const places = [
      { x: point.x + 10, y: point.y + 4, anchor: 'start' as const },
      { x: point.x - 10, y: point.y + 4, anchor: 'end' as const },
      { x: point.x, y: point.y - 11, anchor: 'middle' as const },
      { x: point.x, y: point.y + 20, anchor: 'middle' as const },
      { x: point.x + 10, y: point.y - 10, anchor: 'start' as const },
      { x: point.x + 10, y: point.y + 18, anchor: 'start' as const },
    ]
    const free = places.find((place) => {
      const rect = rectOf(place, width)
      const inside = rect.x >= box.left && rect.x + rect.width <= box.width && rect.y >= 0
      return inside && taken.every((other, at) => at === index || !overlaps(rect, other))
    })
    const place = free ?? { x: point.x + 10, y: point.y + 4, anchor: 'start' as const }
    taken.push(rectOf(place, width))
    return { ...point, labelX: place.x, labelY: place.y, anchor: place.anchor }
  })
}

function rectOf({ x, y, anchor }: { x: number; y: number; anchor: 'start' | 'end' | 'middle' }, width: number): Rect {
  const left = anchor === 'start' ? x : anchor === 'end' ? x - width : x - width / 2
  return { x: left, y: y - LABEL_HEIGHT + 3, width, height: LABEL_HEIGHT }
}

function overlaps(a: Rect, b: Rect): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height
}
