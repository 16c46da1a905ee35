/** A report as one HTML file that needs no network, no script and no other file. */
import type { Report, ReportSample, ReportTensor } from '../contract/report.ts'
import { choiceLabel } from '../plan/choices.ts'
import { formatDisk, formatMemory, significant } from '../plan/units.ts'
import { figuresOf } from './figures.ts'
import { answerFigure, gridFigure, klKey, memoryFigure } from './html-parts.ts'
import { STYLE } from './html-style.ts'
import { type Html, html } from './html-tags.ts'

export function reportToHtml(report: Report): string {
  const { model, original, at, versions } = report
  // Nothing is loaded and nothing runs, whatever a name or an answer may hold.
  const policy = "default-src 'none'; style-src 'unsafe-inline'"
  const page = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<title>${model.name}: report</title><style>${{ html: STYLE }}</style></head><body><main>
<h1>${model.name}</h1>
<p class="note">${model.precision}${original === null ? '' : html`, made from ${original.name}`}. Report of HQQ Studio ${versions.app}, <time datetime="${at}">${at.slice(0, 16).replace('T', ' ')} UTC</time>.</p>
${figures(report)}
<h2>Memory</h2>${memoryFigure(original === null ? [model] : [original, model])}
${layers(report.tensors)}
${samples(report)}
${howMade(report)}
${place(report)}
<h2>To do it again</h2><p class="note">For a POSIX shell, in the folder of the app.</p><pre>${report.commands.join('\n')}</pre>
</main></body></html>
`
  return page.html
}

function figures(report: Report): Html {
  const { rows, notes } = figuresOf(report)
  const beside = report.original !== null
  return html`<h2>Figures</h2><p class="note">KL is KL(original ‖ model) in nats over next-token distributions at temperature 1, or over the labels of pictures where the note says zero-shot. Figures of different protocols cannot be compared.</p>
<div class="wide" tabindex="0" role="region" aria-label="Figures"><table><thead><tr><th scope="col">What</th>${beside ? html`<th scope="col" class="num">Original</th>` : ''}<th scope="col" class="num">This model</th><th scope="col">How</th></tr></thead><tbody>${rows.map(
    ({ label, original, model, note }) =>
      html`<tr><th scope="row">${label}</th>${beside ? html`<td class="num">${original}</td>` : ''}<td class="num">${model}</td><td>${note === null ? '' : html`<a href="#note-${note}">${note}</a>`}</td></tr>`,
  )}</tbody></table></div><ol class="note">${notes.map((note, index) => html`<li id="note-${index + 1}">${note}</li>`)}</ol>`
}

function layers(tensors: readonly ReportTensor[]): Html {
  return html`<h2>Layers</h2>${gridFigure(tensors) ?? ''}
<details><summary>All ${tensors.length} layers</summary><div class="wide" tabindex="0" role="region" aria-label="All layers"><table class="long"><thead><tr><th scope="col">Layer</th><th scope="col">Shape</th><th scope="col">Gets</th><th scope="col" class="num">Size</th><th scope="col" class="num">Bits/weight</th><th scope="col" class="num">Relative error</th><th scope="col">Decided by</th></tr></thead><tbody>${tensors.map(
    ({ name, shape, spec, dtype, bytes, bitsPerWeight, relativeError, decidedBy }) =>
      html`<tr><th scope="row" class="mono">${name}</th><td>${shape.join(' × ')}</td><td>${spec === null ? `kept (${dtype})` : choiceLabel({ kind: 'quantize', spec })}</td><td class="num">${formatDisk(bytes)}</td><td class="num">${bitsPerWeight.toFixed(2)}</td><td class="num">${relativeError === null ? '–' : `${significant(relativeError * 100)} %`}</td><td class="mono">${decidedBy ?? '–'}</td></tr>`,
  )}</tbody></table></div></details>`
}

function samples({ samples: all }: Report): Html | '' {
  if (all.length === 0) return ''
  const coloured = all.some(({ answers }) => answers.length > 1)
  return html`<h2>Samples</h2><p class="note">The likeliest token each time.${coloured ? ' Each answer of the quantized model is compared on its own words.' : ''}</p>${coloured ? klKey() : ''}
${all.map(sample)}`
}

function sample({ prompt, answers }: ReportSample): Html {
  return html`<h3>${prompt.kind === 'message' ? 'Asked' : 'Going on from'}: ${prompt.text}</h3><div class="answers">${answers.map(
    (answer, index) => answerFigure(answer, index === 0 && answers.length > 1 ? 'Original' : 'This model'),
  )}</div>`
}

function howMade({ made }: Report): Html | '' {
  if (made === null) return ''
  return html`<h2>How it was made</h2>
<p>From <span class="mono">${made.source}</span> by engine ${made.engineVersion}. SHA-256 of config.json: <span class="mono" style="overflow-wrap:anywhere">${made.sourceConfigSha256}</span></p>
<ul>${made.sourceWeights.map(
    ({ file, bytes, sha256 }) =>
      html`<li><span class="mono">${file}</span>, ${formatDisk(bytes)}${sha256 === null ? '' : html`, SHA-256 <span class="mono" style="overflow-wrap:anywhere">${sha256}</span>`}</li>`,
  )}</ul>
<pre>${JSON.stringify(made.config, null, 2)}</pre>
<h3>Loads in</h3><ul>${Object.entries(made.loadsIn).map(
    ([name, { ok, reason }]) => html`<li>${name}: ${ok ? 'yes' : 'no'}, ${reason}</li>`,
  )}</ul>`
}

function place({ hardware, versions }: Report): Html {
  const { cpu, cores, threads, simd, memoryBytes, gpus, system } = hardware
  return html`<h2>Where</h2><ul><li>${cpu}, ${cores} cores, ${threads} threads, ${simd}, ${formatMemory(memoryBytes)} of memory</li>${gpus.map(
    ({ name, memoryBytes: memory }) => html`<li>${name}, ${formatMemory(memory)}</li>`,
  )}<li>${system}</li><li>App ${versions.app}, engine ${versions.engine}, Node ${versions.node}</li></ul>`
}
