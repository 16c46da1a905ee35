/** Where the bytes of a model are: its tensors grouped by the role that their names tell. */
import type { ModelDetail } from '../../../electron/contract/domain.ts'

export interface ByteGroup {
  /** Linear tag, or the name of a tensor without block numbers. */
  readonly label: string
  readonly count: number
  readonly bytes: number
  /** "64 × 256" when all are alike, else null. */
  readonly shape: readonly number[] | null
  readonly isLinear: boolean
}

/** Groups in descending order of bytes. */
export function byteGroups(detail: ModelDetail): ByteGroup[] {
  const linears = detail.linears.map(({ name, tag, shape }) => ({ name: `${name}.`, tag, shape }))
  const prefixes = new Map(linears.map((linear) => [linear.name, linear]))
  const groups = new Map<
    string,
    { members: Set<string>; bytes: number; shapes: Map<string, readonly number[]>; isLinear: boolean }
  >()
  for (const tensor of detail.tensors) {
    const linear = prefixes.get(modulePrefix(tensor.name))
    const label = linear ? linear.tag : withoutNumbers(tensor.name)
    const group = groups.get(label) ?? {
      members: new Set(),
      bytes: 0,
      shapes: new Map(),
      isLinear: linear !== undefined,
    }
    const shape = linear ? linear.shape : tensor.shape
    group.members.add(linear ? linear.name : tensor.name)
    group.bytes += tensor.bytes
    group.shapes.set(shape.join(), shape)
    groups.set(label, group)
  }
  return [...groups]
    .map(([label, { members, bytes, shapes, isLinear }]) => ({
      label,
      count: members.size,
      bytes,
      shape: shapes.size === 1 ? (shapes.values().next().value ?? null) : null,
      isLinear,
    }))
    .toSorted((a, b) => b.bytes - a.bytes)
}

/** `a.b.weight` as `a.b.`: a linear layer owns its weight, bias, packed weight, scale and zero. */
function modulePrefix(name: string): string {
  return name.slice(0, name.lastIndexOf('.') + 1)
}

function withoutNumbers(name: string): string {
  return name
    .replace(/\.weight$/, '')
    .split('.')
    .filter((part) => part !== 'model' && part !== 'layers' && !/^\d+$/.test(part))
    .join('.')
}
