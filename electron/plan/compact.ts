/**
 * The shortest readable configuration for a table of per-layer choices: a base, then a rule per column or per block that
 * differs from it, then rules for what is left. Resolving the result gives the choices back exactly.
 */
import type { Choice, ComputeDtype, QuantConfig, Rule } from '../contract/quant.ts'
import { choiceKey, KEEP } from './choices.ts'
import { globOfNames } from './glob.ts'
import { decide } from './resolve.ts'
import { blockIndex, keptByDefault, splitAtBlock } from './tags.ts'

interface Cell {
  readonly name: string
  readonly choice: Choice
  readonly key: string
  readonly keptByDefault: boolean
}

/** `choices` by module name, all linear layers of a model. */
export function configFromChoices(choices: ReadonlyMap<string, Choice>, computeDtype: ComputeDtype): QuantConfig {
  const cells = [...choices].map(([name, choice]) => ({
    name,
    choice,
    key: choiceKey(choice),
    keptByDefault: keptByDefault(name),
  }))
  const base = mostCommon(cells.filter((cell) => !cell.keptByDefault)) ?? KEEP
  const byColumn = rulesFor(cells, base, columnOf)
  const byBlock = rulesFor(cells, base, blockOf)
  const config = { base, rules: byBlock.length < byColumn.length ? byBlock : byColumn, computeDtype }
  if (gives(config, cells)) return config
  // Names so nested that a family's pattern reaches beyond it: fall back to one that cannot.
  const named = cells.filter((cell) => cell.key !== (cell.keptByDefault ? 'keep' : choiceKey(base)))
  return { base, rules: named.map(({ name, choice }) => ({ pattern: name, choice })), computeDtype }
}

function gives(config: QuantConfig, cells: readonly Cell[]): boolean {
  const decisions = decide(config, cells)
  return cells.every(({ name, key }) => choiceKey(decisions.get(name)?.choice ?? KEEP) === key)
}

/** A family of names that one glob covers, e.g. all of a column; null when the name belongs to none. */
type FamilyOf = (name: string) => string | null

function columnOf(name: string): string | null {
  const parts = splitAtBlock(name)
  return parts === null ? null : `${parts.prefix}*${parts.suffix}`
}

function blockOf(name: string): string | null {
  const parts = splitAtBlock(name)
  return parts === null ? null : `${parts.prefix}${blockIndex(name)}.*`
}

function rulesFor(cells: readonly Cell[], base: Choice, familyOf: FamilyOf): Rule[] {
  const baseKey = choiceKey(base)
  const rules: Rule[] = []
  const exceptions: Cell[] = []
  for (const [pattern, family] of familiesOf(cells, familyOf)) {
    // A family that holds layers which are kept by default must not drag them along: those are treated one by one.
    const ordinary = family.filter((cell) => !cell.keptByDefault)
    const common = ordinary.length === family.length ? mostCommon(family) : base
    const commonKey = choiceKey(common ?? base)
    const ruled = common !== null && commonKey !== baseKey && family.length > 1
    if (ruled) rules.push({ pattern, choice: common })
    const expected = ruled ? commonKey : baseKey
    for (const cell of family) {
      const given = cell.keptByDefault ? choiceKey(KEEP) : expected
      if (cell.key !== given) exceptions.push(cell)
    }
  }
  return [...rules, ...exceptionRules(exceptions)]
}

function familiesOf(cells: readonly Cell[], familyOf: FamilyOf): Map<string, Cell[]> {
  const families = new Map<string, Cell[]>()
  for (const cell of cells) {
    const pattern = familyOf(cell.name) ?? cell.name
    const family = families.get(pattern)
    if (family === undefined) families.set(pattern, [cell])
    else family.push(cell)
  }
  return families
}

/** Cells of one column with the same choice share a rule: `model.layers.{0,3}.mlp.up_proj`. */
function exceptionRules(cells: readonly Cell[]): Rule[] {
  const groups = new Map<string, { choice: Choice; names: string[] }>()
  for (const { name, choice, key } of cells) {
    const id = `${columnOf(name) ?? name} ${key}`
    const group = groups.get(id)
    if (group === undefined) groups.set(id, { choice, names: [name] })
    else group.names.push(name)
  }
  return [...groups.values()].map(({ choice, names }) => ({ pattern: patternOf(names), choice }))
}

function patternOf(names: readonly string[]): string {
  const parts = splitAtBlock(names[0] ?? '')
  if (parts === null) return names[0] ?? ''
  const blocks = names.map((name) => String(blockIndex(name)))
  return globOfNames(parts.prefix, blocks, parts.suffix)
}

/** The choice most cells have; the first of equals. */
function mostCommon(cells: readonly Cell[]): Choice | null {
  const counts = new Map<string, { choice: Choice; count: number }>()
  for (const { key, choice } of cells) {
    const known = counts.get(key)
    if (known === undefined) counts.set(key, { choice, count: 1 })
    else known.count += 1
  }
  let best: { choice: Choice; count: number } | null = null
  for (const entry of counts.values()) {
    if (best === null || entry.count > best.count) best = entry
  }
  return best?.choice ?? null
}
