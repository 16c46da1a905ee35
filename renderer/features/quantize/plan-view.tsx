/** Choosing: the grid with its tools, the estimate beside it, and the one action. */
import { Redo2, Undo2 } from 'lucide-react'
import { useMemo, useState } from 'react'
import type { Machine, ModelDetail } from '../../../electron/contract/domain.ts'
import type { Nbits, QuantConfig } from '../../../electron/contract/quant.ts'
import { NBITS } from '../../../electron/contract/quant.ts'
import { choiceKey, KEEP } from '../../../electron/plan/choices.ts'
import { estimateChoices, estimateConfig } from '../../../electron/plan/estimate.ts'
import { planProblems } from '../../../electron/plan/resolve.ts'
import { BlockGrid } from '../../ui/block-grid/block-grid.tsx'
import { bitsLevel, choiceCell } from '../../ui/block-grid/choice-cell.ts'
import { allNames, buildGrid, type CellNames } from '../../ui/block-grid/grid-model.ts'
import { GradientLegend, StepLegend } from '../../ui/block-grid/legend.tsx'
import { useNewPointed } from '../../ui/block-grid/pointed.ts'
import { Button, IconButton } from '../../ui/button.tsx'
import { Kbd } from '../../ui/kbd.tsx'
import { ActionBar } from '../../ui/page.tsx'
import { Segmented } from '../../ui/segmented.tsx'
import { sequentialColor } from '../../ui/sequential-map.ts'
import { useShortcut } from '../../ui/shortcuts.ts'
import { SplitPane } from '../../ui/split-pane.tsx'
import { useColorTheme } from '../../ui/theme.ts'
import { CellStrip } from './cell-strip.tsx'
import { type ChoiceEdit, keepLayers, setBits } from './choice-edits.ts'
import { EstimatePane, type RunsIn } from './estimate-pane.tsx'
import { lossCell, lossMap, lossText, SHOWN, type Shown } from './loss-cell.ts'
import { PatternField } from './pattern-field.tsx'
import { configOf, type Plan, type PlanStore } from './plan-store.ts'
import { QualitySection } from './quality-section.tsx'
import { ReviewDialog, type StartOptions } from './review-dialog.tsx'
import { SelectionBar } from './selection-bar.tsx'
import { useQuality } from './use-quality.ts'

export interface PlanViewProps {
  detail: ModelDetail
  plan: Plan
  store: PlanStore
  machine: Machine | null
  /** The memory of the device that models run on. */
  runsIn: RunsIn
  contextLength: number
  onContextLength(tokens: number): void
  starting: boolean
  startProblem: React.ReactNode
  onStart(config: QuantConfig, options: StartOptions): void
}

const HINT = 'Arrows move, Space selects, Shift+arrows extend, 8 to 1 set the bits, K keeps. Hover a cell for its name.'

export function PlanView(props: PlanViewProps) {
  const { detail, plan, store, machine, runsIn, contextLength, onContextLength, starting, startProblem, onStart } =
    props
  const { modelId, linears, selected, pinned, history } = plan
  const { choices, computeDtype } = history.present
  const theme = useColorTheme()
  const quality = useQuality(modelId)
  const [wantedShown, setShown] = useState<Shown>('bits')
  const shown = quality.table === null ? 'bits' : wantedShown
  const [spread, setSpread] = useState(false)
  const pointed = useNewPointed()
  const [reviewed, setReviewed] = useState<ReturnType<typeof review> | null>(null)

  const grid = useMemo(() => buildGrid(linears, { spread }), [linears, spread])
  const hasShared = useMemo(() => spread || grid.hasShared, [grid, spread])
  const estimate = useMemo(
    () => estimateChoices(detail, choices, computeDtype, { contextLength, machine, runsIn }),
    [detail, choices, computeDtype, contextLength, machine, runsIn],
  )
  const rows = useMemo(() => new Map(estimate.table.map((row) => [row.name, row])), [estimate])
  const losses = useMemo(
    () => (shown === 'bits' ? null : lossMap(choices, quality.layers, shown)),
    [choices, quality.layers, shown],
  )
  const view = useMemo(
    () => (names: CellNames) =>
      losses === null ? choiceCell(names, rows, theme) : lossCell(names, losses, choices, theme),
    [rows, theme, losses, choices],
  )
  // Pinned layers are looked at with what they have now; the others' choices do not matter to a budget.
  const pinnedKey = [...pinned].map((name) => `${name} ${choiceKey(choices.get(name) ?? KEEP)}`).join('\n')
  // biome-ignore lint/correctness/useExhaustiveDependencies: nor does free memory, which changes every few seconds
  const problem = useMemo(() => {
    if (quality.table === null) return null
    const kept = new Map([...choices].filter(([name]) => pinned.has(name)))
    return {
      model: detail,
      table: quality.table,
      computeDtype,
      situation: { contextLength, machine, runsIn },
      pinned: kept,
    }
  }, [quality.table, detail, computeDtype, contextLength, pinned, pinnedKey])
  const problems = useMemo(() => planProblems(estimate.table), [estimate])
  const quantizes = useMemo(() => [...choices.values()].some(({ kind }) => kind === 'quantize'), [choices])
  const selectedChoices = useMemo(() => [...selected].flatMap((name) => choices.get(name) ?? []), [selected, choices])
  const usedBits = useMemo(() => bitsIn(choices.values()), [choices])

  const edit = (change: ChoiceEdit) => store.edit(modelId, selected, change)
  const canStart = quantizes && problems.length === 0

  function review() {
    const config = configOf(history.present)
    return { config, estimate: estimateConfig(detail, config, { contextLength, machine, runsIn }) }
  }

  function onGridKey(key: string): boolean {
    if (selected.size === 0) return false
    const nbits = NBITS.find((width) => String(width) === key)
    if (nbits !== undefined) edit(setBits(nbits))
    else if (key.toLowerCase() === 'k') edit(keepLayers)
    else return false
    return true
  }

  useShortcut({ keys: 'mod+z', label: 'Undo', run: () => store.undo(modelId) })
  useShortcut({ keys: 'shift+mod+z', label: 'Redo', run: () => store.redo(modelId) })
  useShortcut({
    keys: 'mod+enter',
    label: 'Review and quantize',
    enabled: canStart && reviewed === null,
    run: () => setReviewed(review()),
  })

  return (
    <>
      <SplitPane
        id="quantize"
        inspectorLabel="Estimate"
        inspectorWidth={320}
        inspector={
          <>
            <EstimatePane
              estimate={estimate}
              model={detail.summary}
              runsIn={runsIn}
              onContextLength={onContextLength}
              computeDtype={computeDtype}
              onComputeDtype={(dtype) => store.setComputeDtype(modelId, dtype)}
              quality={
                detail.summary.runProblem === null && (
                  <QualitySection
                    quality={quality}
                    problem={problem}
                    choices={choices}
                    onApply={(found) => store.choose(modelId, found)}
                    onClearPins={() => store.clearPins(modelId)}
                  />
                )
              }
            />
            <ActionBar>
              {!canStart && (
                <p className="mr-auto text-xs text-danger-text">
                  {quantizes ? (problems[0] ?? '') : 'Nothing is quantized yet: every layer is kept.'}
                </p>
              )}
              <Button variant="primary" size="lg" disabled={!canStart} onClick={() => setReviewed(review())}>
                Quantize
                <Kbd keys="mod+enter" />
              </Button>
            </ActionBar>
          </>
        }
      >
        <SelectionBar
          selectedChoices={selectedChoices}
          onEdit={edit}
          onSelectAll={() => store.select(modelId, allNames(grid), 'replace')}
          {...(quality.table === null
            ? {}
            : {
                pins: {
                  pressed: selected.size > 0 && [...selected].every((name) => pinned.has(name)),
                  onToggle: () => store.togglePins(modelId, selected),
                },
              })}
        />
        <div className="flex min-h-11 flex-wrap items-center gap-x-4 gap-y-1 px-5 py-1.5">
          {quality.table !== null && (
            <Segmented size="sm" aria-label="Coloured by" value={shown} onChange={setShown} options={SHOWN} />
          )}
          {losses === null ? (
            <StepLegend
              label="Bits"
              steps={[
                ...usedBits.map((nbits) => ({ text: `${nbits}-bit`, fill: sequentialColor(bitsLevel(nbits), theme) })),
                { text: 'kept', fill: null },
              ]}
            />
          ) : (
            <GradientLegend
              label=""
              low={lossText(losses.scale.low, losses.shown)}
              high={lossText(losses.scale.high, losses.shown)}
            />
          )}
          {hasShared && (
            <Button size="sm" variant="ghost" aria-pressed={spread} onClick={() => setSpread(!spread)}>
              {spread ? 'Merge experts' : 'Spread experts'}
            </Button>
          )}
          <div className="ml-auto flex items-center gap-1">
            <PatternField onSelect={(pattern) => store.selectMatching(modelId, pattern)} />
            <IconButton
              size="sm"
              icon={Undo2}
              label="Undo"
              keys="mod+z"
              disabled={history.past.length === 0}
              onClick={() => store.undo(modelId)}
            />
            <IconButton
              size="sm"
              icon={Redo2}
              label="Redo"
              keys="shift+mod+z"
              disabled={history.future.length === 0}
              onClick={() => store.redo(modelId)}
            />
          </div>
        </div>
        <BlockGrid
          label="Bits per layer"
          model={grid}
          view={view}
          selected={selected}
          onSelect={(names, mode) => store.select(modelId, names, mode)}
          onPoint={pointed.point}
          onKey={onGridKey}
          className="ml-5"
        />
        <CellStrip pointed={pointed} rows={rows} hint={HINT} />
      </SplitPane>
      {reviewed !== null && (
        <ReviewDialog
          open
          onOpenChange={(open) => !open && setReviewed(null)}
          model={detail.summary}
          config={reviewed.config}
          estimate={reviewed.estimate}
          pending={starting}
          problem={startProblem}
          onStart={(options) => onStart(reviewed.config, options)}
        />
      )}
    </>
  )
}

function bitsIn(choices: Iterable<{ kind: 'keep' } | { kind: 'quantize'; spec: { nbits: Nbits } }>): Nbits[] {
  const found = new Set<Nbits>()
  for (const choice of choices) if (choice.kind === 'quantize') found.add(choice.spec.nbits)
  return NBITS.filter((nbits) => found.has(nbits))
}
