/** The looks of an HTML report: light and dark as the reader's system is, one column on paper, no script and nothing from elsewhere. */

/** Steps of viridis from yellow to purple with the ink that can be read on each. On a dark ground they run the other way. */
const STEPS: readonly (readonly [ground: string, ink: string])[] = [
  ['rgb(235 229 90)', '#000'],
  ['rgb(122 209 81)', '#000'],
  ['rgb(34 168 132)', '#000'],
  ['rgb(42 120 142)', '#fff'],
  ['rgb(65 68 135)', '#fff'],
  ['rgb(68 1 84)', '#fff'],
]
export const STEP_COUNT = STEPS.length

function steps(order: readonly (readonly [string, string])[]): string {
  return order.map(([ground, ink], index) => `--step-${index}:${ground};--step-ink-${index}:${ink};`).join('')
}

const LIGHT = `--ground:#fff;--raised:#f5f6f8;--line:#d9dce1;--ink:#1d2126;--ink-2:#565d66;--accent:#0b6073;
--weights:#4f6ac4;--metadata:#6fb1d6;--kv:#d9a036;--scratch:#b06ab0;--other:#9aa0a6;${steps(STEPS)}`
const DARK = `--ground:#16191d;--raised:#1f2429;--line:#3a4047;--ink:#eceef0;--ink-2:#b2b8bf;--accent:#7ed3dd;
--weights:#7f98e8;--metadata:#8cc8e8;--kv:#e5b95c;--scratch:#cf93cf;--other:#7b828a;${steps(STEPS.toReversed())}`

export const STYLE = `
:root{color-scheme:light dark;${LIGHT}}
@media (prefers-color-scheme:dark){:root{${DARK}}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:68rem;padding:2rem 1.25rem 4rem;background:var(--ground);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI","Noto Sans",sans-serif;font-variant-numeric:tabular-nums}
h1{font-size:1.6rem;line-height:1.25;margin:0 0 .25rem;overflow-wrap:anywhere}
h2{font-size:1.1rem;margin:2.25rem 0 .6rem;padding-top:.6rem;border-top:1px solid var(--line)}
h3{font-size:.95rem;margin:1.25rem 0 .4rem}
p{margin:.4rem 0}
.note,figcaption{color:var(--ink-2);font-size:.85rem}
code,pre,.mono{font-family:ui-monospace,"Cascadia Mono","DejaVu Sans Mono",monospace;font-size:.82rem}
pre{background:var(--raised);border:1px solid var(--line);border-radius:.3rem;padding:.7rem .8rem;overflow-x:auto;margin:.5rem 0;white-space:pre-wrap;overflow-wrap:anywhere}
.wide{overflow-x:auto}
.wide:focus-visible,summary:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
table{border-collapse:collapse;width:100%;font-size:.88rem}
th,td{text-align:left;padding:.3rem .7rem .3rem 0;border-bottom:1px solid var(--line);vertical-align:top}
thead th{color:var(--ink-2);font-weight:600;white-space:nowrap}
tbody th{font-weight:500}
td.num,th.num{text-align:right;white-space:nowrap}
ol.note{padding-left:1.4rem;overflow-wrap:anywhere}
a{color:var(--accent)}
.key{display:flex;flex-wrap:wrap;gap:.25rem 1rem;list-style:none;margin:.4rem 0;padding:0;font-size:.85rem;color:var(--ink-2)}
.key span{display:inline-block;width:.75rem;height:.75rem;border-radius:.15rem;margin-right:.35rem;vertical-align:-.05rem}
.bar{display:flex;height:1.1rem;border-radius:.2rem;overflow:hidden;background:var(--raised)}
.bar i{display:block;height:100%}
.bars{display:grid;grid-template-columns:minmax(8rem,max-content) 1fr max-content;gap:.35rem .8rem;align-items:center;margin:.5rem 0}
.weights{background:var(--weights)}.metadata{background:var(--metadata)}.kvCache{background:var(--kv)}.scratch{background:var(--scratch)}.other{background:var(--other)}
.grid{border-collapse:separate;border-spacing:2px;width:auto;font-size:.72rem}
.grid th,.grid td{border:0;padding:.15rem .4rem;text-align:center;white-space:nowrap}
.grid td{border-radius:.15rem;background:var(--raised)}
${STEPS.map((_, index) => `.s${index}{background:var(--step-${index})!important;color:var(--step-ink-${index})}`).join('\n')}
.answers{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,20rem),1fr));gap:1rem}
.answer{border:1px solid var(--line);border-radius:.3rem;padding:.7rem .8rem;min-width:0}
.answer h4{margin:0;font-size:.9rem}
.text{white-space:pre-wrap;overflow-wrap:anywhere;margin:.5rem 0 0;font-size:.92rem;line-height:1.75}
.text span{border-radius:.15rem;padding:.05rem 0}
.text .differs{text-decoration:underline dotted;text-underline-offset:.2rem}
.parts{border-left:2px solid var(--accent);margin-left:.1rem;padding-left:.25rem;color:var(--accent);font-size:.75rem;font-weight:600}
details{margin:.5rem 0}
summary{color:var(--accent);font-weight:500}
@media print{
:root{color-scheme:light;${LIGHT}}
body{max-width:none;padding:0;font-size:10.5pt}
h2{break-after:avoid}
table,.answer,.bars{break-inside:avoid}
.long{break-inside:auto}
.wide{overflow:visible}
details>summary{display:none}
details::details-content{content-visibility:visible;block-size:auto}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}
}
`
