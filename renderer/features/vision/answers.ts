/** What several versions say of the same labelled pictures, put side by side. Pure. */
import type { AccuracyResult, PictureResult } from '../../../electron/contract/vision.ts'

export interface AnswerRow {
  readonly key: string
  readonly image: string
  readonly question: string | null
  readonly expected: string
  /** By version; null where a version has none. */
  readonly answers: readonly (Pick<PictureResult, 'answer' | 'correct' | 'rank'> | null)[]
  /** Whether some version says something else than the first. */
  readonly changed: boolean
  /** How many versions are wrong. */
  readonly wrong: number
}

/** One row a picture, or a question about one: those whose answer changed first, then those that are wrong. */
export function answerRows(versions: readonly (AccuracyResult | undefined)[]): AnswerRow[] {
  const rows = new Map<string, { first: PictureResult; answers: (PictureResult | null)[] }>()
  for (const [at, version] of versions.entries()) {
    for (const result of version?.results ?? []) {
      const key = `${result.image}\n${result.question ?? ''}`
      const row = rows.get(key) ?? { first: result, answers: versions.map(() => null) }
      row.answers[at] = result
      rows.set(key, row)
    }
  }
  const all = [...rows].map(([key, { first, answers }]): AnswerRow => {
    const given = answers.flatMap((one) => (one === null ? [] : [one]))
    return {
      key,
      image: first.image,
      question: first.question,
      expected: first.expected,
      answers,
      changed: given.some(({ answer }) => answer !== given[0]?.answer),
      wrong: given.filter(({ correct }) => !correct).length,
    }
  })
  return all.toSorted((a, b) => Number(b.changed) - Number(a.changed) || b.wrong - a.wrong)
}

/** Pictures that a version answers otherwise than the first one. */
export function changedIn(rows: readonly AnswerRow[], at: number): number {
  return rows.filter(({ answers }) => {
    const [first, other] = [answers[0], answers[at]]
    return first != null && other != null && first.answer !== other.answer
  }).length
}
