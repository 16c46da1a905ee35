/** Labels as people type them, and scores as bars need them. Pure. */

/** One a line or separated by commas; each once. */
export function labelsIn(text: string): string[] {
  const labels = text.split(/[\n,;]/).map((label) => label.trim())
  return [...new Set(labels.filter((label) => label !== ''))]
}

/** The sentence that a model compares with pictures. */
export function promptOf(template: string, label: string): string {
  return template.replaceAll('{}', label)
}

export interface ScoreRow {
  readonly label: string
  /** By version; null where a version has not come to it. */
  readonly shares: readonly (number | null)[]
}

/** Labels with what each version gives them, the likeliest of any version first. */
export function scoreRows(
  labels: readonly string[],
  versions: readonly (readonly number[] | undefined)[],
): readonly ScoreRow[] {
  const rows = labels.map((label, at) => ({ label, shares: versions.map((shares) => shares?.[at] ?? null) }))
  const highest = ({ shares }: ScoreRow) => Math.max(...shares.map((share) => share ?? 0))
  return rows.toSorted((a, b) => highest(b) - highest(a))
}

/** The likeliest label; null before there is one. */
export function topLabel(labels: readonly string[], shares: readonly number[] | undefined): string | null {
  if (shares === undefined || shares.length === 0) return null
  return labels[shares.indexOf(Math.max(...shares))] ?? null
}
