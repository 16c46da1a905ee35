/**
 * Spending a budget: one option for each item, least loss in total, cost within the budget (the multiple-choice knapsack). Options
 * that lie on an item's convex hull are bought in the order of what they save per byte (Sinha and Zoltners 1979), which is optimal up
 * to the last purchase; what is left over then goes into single options and exchanges near the price at which buying stopped.
 */
export interface Option {
  readonly cost: number
  readonly loss: number
}

export interface Spending {
  /** Index of the option of each item. */
  readonly chosen: number[]
  readonly cost: number
  readonly loss: number
}

/** Items whose options are tried against each other at the end: those nearest to the last price. */
const EXCHANGED_ITEMS = 48
const EXCHANGE_ROUNDS = 40
/** The nearest of them are then solved together, exactly as long as that many partial solutions do. */
const SOLVED_ITEMS = 8
const MOST_PARTIAL = 4000

/** Null when even the cheapest options cost more than the budget. Every item needs an option. */
export function spend(items: readonly (readonly Option[])[], budget: number): Spending | null {
  const hulls = items.map(hullOf)
  const chosen = hulls.map((hull) => hull[0] as number) // every item has an option
  let cost = total(items, chosen, (option) => option.cost)
  if (cost > budget) return null
  const steps = stepsOf(items, hulls)
  let last = 0
  for (const { item, from, to, extra, price } of steps) {
    // A step follows the one before it, which may have been too dear.
    if (cost + extra > budget || chosen[item] !== from) continue
    chosen[item] = to
    cost += extra
    last = price
  }
  const near = nearest(steps, last)
  exchange(items, chosen, budget - cost, near)
  solve(items, chosen, budget, near.slice(0, SOLVED_ITEMS))
  return {
    chosen,
    cost: total(items, chosen, (option) => option.cost),
    loss: total(items, chosen, (option) => option.loss),
  }
}

interface Step {
  readonly item: number
  readonly from: number
  readonly to: number
  readonly extra: number
  /** Loss saved for each unit of cost. */
  readonly price: number
}

function stepsOf(items: readonly (readonly Option[])[], hulls: readonly number[][]): Step[] {
  const steps: Step[] = []
  hulls.forEach((hull, item) => {
    for (let at = 1; at < hull.length; at++) {
      const [from, to] = [hull[at - 1] as number, hull[at] as number] // within the hull
      const [before, after] = [items[item]?.[from] as Option, items[item]?.[to] as Option]
      const extra = after.cost - before.cost
      steps.push({ item, from, to, extra, price: (before.loss - after.loss) / extra })
    }
  })
  return steps.sort((a, b) => b.price - a.price || a.item - b.item)
}

/** Indices of the options on the lower convex hull, cheapest first. */
function hullOf(options: readonly Option[]): number[] {
  const order = options.map((_, index) => index).sort((a, b) => byCost(options, a, b))
  const hull: number[] = []
  for (const next of order) {
    const point = options[next] as Option // an index of options
    const lowest = hull.at(-1)
    if (lowest !== undefined && (options[lowest] as Option).loss <= point.loss) continue
    while (hull.length > 1 && liesAbove(options, hull.at(-2) as number, hull.at(-1) as number, next)) hull.pop()
    hull.push(next)
  }
  return hull
}

function byCost(options: readonly Option[], a: number, b: number): number {
  const [one, other] = [options[a] as Option, options[b] as Option]
  return one.cost - other.cost || one.loss - other.loss
}

/** Whether the middle option is no better than a mix of the two others. */
function liesAbove(options: readonly Option[], from: number, middle: number, to: number): boolean {
  const [a, b, c] = [options[from] as Option, options[middle] as Option, options[to] as Option]
  return (a.loss - b.loss) * (c.cost - a.cost) <= (a.loss - c.loss) * (b.cost - a.cost)
}

/** Items with a step whose price is close to `price`, the closest first. */
function nearest(steps: readonly Step[], price: number): number[] {
  const at = steps.findIndex((step) => step.price <= price)
  const found = new Set<number>()
  for (let off = 0; off < steps.length && found.size < EXCHANGED_ITEMS; off++) {
    for (const step of [steps[at + off], steps[at - off - 1]]) if (step !== undefined) found.add(step.item)
  }
  return [...found]
}

/** Changes one or two items at a time as long as that lowers the loss within what is left. */
function exchange(
  items: readonly (readonly Option[])[],
  chosen: number[],
  left: number,
  near: readonly number[],
): void {
  for (let round = 0; round < EXCHANGE_ROUNDS; round++) {
    const moves = near.flatMap((item) =>
      (items[item] ?? []).map((option, index) => {
        const now = items[item]?.[chosen[item] as number] as Option // chosen from its options
        return { item, index, cost: option.cost - now.cost, gain: now.loss - option.loss }
      }),
    )
    let best = { gain: 1e-15, moves: [] as typeof moves, cost: 0 }
    moves.forEach((first, at) => {
      if (first.cost <= left && first.gain > best.gain) best = { gain: first.gain, moves: [first], cost: first.cost }
      for (const second of moves.slice(at + 1)) {
        const cost = first.cost + second.cost
        const gain = first.gain + second.gain
        if (second.item !== first.item && cost <= left && gain > best.gain) {
          best = { gain, moves: [first, second], cost }
        }
      }
    })
    if (best.moves.length === 0) return
    for (const { item, index } of best.moves) chosen[item] = index
    left -= best.cost
  }
}

/** The best options of a few items together, given what all others have. */
function solve(items: readonly (readonly Option[])[], chosen: number[], budget: number, few: readonly number[]): void {
  const rest =
    total(items, chosen, (o) => o.cost) -
    total(
      few.map((i) => items[i] ?? []),
      few.map((i) => chosen[i] ?? 0),
      (o) => o.cost,
    )
  let partial: Partial[] = [{ cost: rest, loss: 0, indices: [] }]
  for (const item of few) {
    const grown = partial.flatMap(({ cost, loss, indices }) =>
      (items[item] ?? []).map((option, index) => ({
        cost: cost + option.cost,
        loss: loss + option.loss,
        indices: [...indices, index],
      })),
    )
    partial = thin(undominated(grown.filter(({ cost }) => cost <= budget)))
  }
  // Dearest last, and each dearer one is better. None: what was left out took the room of the rest.
  const best = partial.at(-1)
  const now = few.reduce((sum, item) => sum + (items[item]?.[chosen[item] ?? 0]?.loss ?? 0), 0)
  if (best === undefined || best.loss >= now) return
  few.forEach((item, at) => {
    chosen[item] = best.indices[at] ?? 0
  })
}

interface Partial extends Option {
  readonly indices: readonly number[]
}

function undominated(solutions: Partial[]): Partial[] {
  let least = Number.POSITIVE_INFINITY
  return solutions
    .sort((a, b) => a.cost - b.cost || a.loss - b.loss)
    .filter(({ loss }) => {
      if (loss >= least) return false
      least = loss
      return true
    })
}

function thin(solutions: Partial[]): Partial[] {
  const every = Math.ceil(solutions.length / MOST_PARTIAL)
  return every <= 1 ? solutions : solutions.filter((_, at) => at % every === 0 || at === solutions.length - 1)
}

function total(
  items: readonly (readonly Option[])[],
  chosen: readonly number[],
  of: (option: Option) => number,
): number {
  return items.reduce((sum, options, item) => sum + of(options[chosen[item] as number] as Option), 0) // chosen from them
}
