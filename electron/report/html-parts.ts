/** The parts of an HTML report that show data: memory, the grid of layers, coloured answers. */
import type { Answer } from '../contract/difference.ts'
import type { MemoryParts } from '../contract/domain.ts'
import type { ReportModel, ReportTensor } from '../contract/report.ts'
import { klShare, LEAST_KL, MOST_KL } from '../plan/divergence.ts'
import { totalMemory } from '../plan/memory.ts'
import { blockIndex, splitAtBlock } from '../plan/tags.ts'
import { formatMemory, significant } from '../plan/units.ts'
import { STEP_COUNT } from './html-style.ts'
import { type Html, html } from './html-tags.ts'

const PARTS: readonly (readonly [part: keyof MemoryParts, label: string])[] = [
  ['weights', 'Weights'],
  ['metadata', 'Scales and zeros'],
  ['kvCache', 'KV cache'],
  ['scratch', 'Scratch'],
  ['other', 'Process'],
]

/** Bars of equal scale, with their numbers in a table for those who cannot see them. */
export function memoryFigure(models: readonly ReportModel[]): Html {
  const bars = models.flatMap(({ name, memory }) => [
    { label: `${name}, predicted`, parts: memory.predicted },
    ...(memory.measured === null ? [] : [{ label: `${name}, measured`, parts: memory.measured }]),
  ])
  const most = Math.max(1, ...bars.map(({ parts }) => totalMemory(parts)))
  return html`<div class="bars" aria-hidden="true">${bars.map(
    ({ label, parts }) =>
      html`<span>${label}</span><div class="bar">${PARTS.map(
        ([part]) => html`<i class="${part}" style="width:${((100 * parts[part]) / most).toFixed(3)}%"></i>`,
      )}</div><span>${formatMemory(totalMemory(parts))}</span>`,
  )}</div>
<ul class="key" aria-hidden="true">${PARTS.map(([part, label]) => html`<li><span class="${part}"></span>${label}</li>`)}</ul>
<div class="wide" tabindex="0" role="region" aria-label="Memory by part"><table><thead><tr><th scope="col">Memory to run</th>${PARTS.map(
    ([, label]) => html`<th scope="col" class="num">${label}</th>`,
  )}<th scope="col" class="num">Together</th></tr></thead><tbody>${bars.map(
    ({ label, parts }) =>
      html`<tr><th scope="row">${label}</th>${PARTS.map(
        ([part]) => html`<td class="num">${formatMemory(parts[part])}</td>`,
      )}<td class="num">${formatMemory(totalMemory(parts))}</td></tr>`,
  )}</tbody></table></div>`
}

/** More layers than this make a table that nobody reads; they are in the list of tensors. */
const MOST_CELLS = 1500

/** Blocks by linear layers: bits and group in each cell, shaded by the error. Null where there is nothing to show that way. */
export function gridFigure(tensors: readonly ReportTensor[]): Html | null {
  const cells = tensors.flatMap((tensor) => {
    const place = splitAtBlock(tensor.name)
    return place === null ? [] : [{ tensor, block: blockIndex(tensor.name) ?? 0, ...place }]
  })
  if (cells.length === 0 || cells.length > MOST_CELLS) return null
  const several = new Set(cells.map(({ prefix }) => prefix)).size > 1
  const columnOf = ({ prefix, suffix }: (typeof cells)[number]) =>
    `${several ? prefix : ''}${suffix.replace(/^\./, '')}`
  const columns = [...new Set(cells.map(columnOf))]
  const blocks = [...new Set(cells.map(({ block }) => block))].sort((a, b) => a - b)
  const at = new Map(cells.map((cell) => [`${cell.block} ${columnOf(cell)}`, cell.tensor]))
  const errors = cells.flatMap(({ tensor }) => tensor.relativeError ?? [])
  const [least, most] = [Math.min(...errors), Math.max(...errors)]
  const shade = (error: number | null) =>
    error === null || most <= least ? '' : `s${stepOf((error - least) / (most - least))}`
  const legend =
    errors.length === 0 || most <= least
      ? 'Bits and group size of each layer.'
      : `Bits and group size of each layer; shaded by its relative error, from ${percent(least)} to ${percent(most)}.`
  return html`<figure style="margin:0"><figcaption>${legend}</figcaption><div class="wide" tabindex="0" role="region" aria-label="Layers by block"><table class="grid"><thead><tr><th scope="col">block</th>${columns.map(
    (column) => html`<th scope="col">${column}</th>`,
  )}</tr></thead><tbody>${blocks.map(
    (block) =>
      html`<tr><th scope="row">${block}</th>${columns.map((column) => {
        const tensor = at.get(`${block} ${column}`)
        if (tensor === undefined) return html`<td></td>`
        const { spec, relativeError } = tensor
        const words = spec === null ? 'kept' : `${spec.nbits} ${spec.groupSize === null ? 'ch' : `g${spec.groupSize}`}`
        const title = relativeError === null ? tensor.name : `${tensor.name}: relative error ${percent(relativeError)}`
        return html`<td class="${shade(relativeError)}" title="${title}">${words}</td>`
      })}</tr>`,
  )}</tbody></table></div></figure>`
}

/** An answer with each token on the ground of its divergence. */
export function answerFigure(answer: Answer, title: string): Html {
  const { summary, tokens, firstDifference } = answer
  const facts =
    summary === null
      ? counted(tokens.length)
      : `${counted(tokens.length)}, mean KL ${significant(summary.meanKl)} nats, same likeliest token ${percent(summary.topAgreement)}`
  return html`<div class="answer"><h4>${title}</h4><p class="note">${facts}</p><p class="text">${tokens.map(
    ({ text, seen }, index) => {
      const mark = index === firstDifference ? html`<span class="parts">parts here</span> ` : ''
      if (seen === null) return html`${mark}${text}`
      const share = klShare(seen.kl)
      const classes = [
        ...(share === null ? [] : [`s${stepOf(share)}`]),
        ...(seen.top === seen.referenceTop ? [] : ['differs']),
      ]
      return html`${mark}<span class="${classes.join(' ')}" title="KL ${significant(seen.kl)} nats; the original: ${seen.referenceTop} (${percent(seen.referenceTopProbability)}), this model: ${seen.top} (${percent(seen.topProbability)})">${text}</span>`
    },
  )}</p></div>`
}

/** What the grounds of tokens mean. */
export function klKey(): Html {
  const bounds = Array.from(
    { length: STEP_COUNT },
    (_, index) => LEAST_KL * (MOST_KL / LEAST_KL) ** (index / STEP_COUNT),
  )
  return html`<ul class="key">${bounds.map(
    (from, index) => html`<li><span class="s${index}"></span>from ${significant(from, 2)}</li>`,
  )}<li>nats of KL at that token</li><li><u style="text-decoration-style:dotted">dotted</u>: another token is likeliest</li></ul>`
}

function stepOf(share: number): number {
  return Math.min(STEP_COUNT - 1, Math.floor(share * STEP_COUNT))
}

function percent(ratio: number): string {
  return `${significant(ratio * 100, 3)} %`
}

function counted(tokens: number): string {
  return tokens === 1 ? '1 token' : `${tokens} tokens`
}
