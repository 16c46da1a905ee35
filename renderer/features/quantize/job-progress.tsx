/** Where a job stands: phases by name, done of total, rate, the time left once it is stable. */
import type { JobRecord } from '../../../electron/contract/domain.ts'
import { Badge } from '../../ui/badge.tsx'
import { cn } from '../../ui/cn.ts'
import { formatDuration } from '../../ui/format.ts'
import { ProgressBar } from '../../ui/progress.tsx'
import { isActive, phaseWord, progressShare, progressWords, STATE_WORDS, secondsOf } from './job-words.ts'

export function JobProgressView({ record }: { record: JobRecord }) {
  const { progress, state } = record
  const seconds = secondsOf(record)
  const active = isActive(record)
  return (
    <div className="flex flex-col gap-2">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
        <Badge tone={toneOf(record)}>{STATE_WORDS[state]}</Badge>
        {active && progress !== null && <Phases current={progress.phase} measure={measures(record)} />}
        {!active && seconds !== null && <span className="text-sm text-ink-2">after {formatDuration(seconds)}</span>}
        <span role="status" className="ml-auto text-sm text-ink">
          {active && progress !== null && progressWords(progress)}
        </span>
      </div>
      {active && <ProgressBar value={progressShare(progress)} label={record.title} />}
      {active && (
        <p className="flex justify-between gap-4 text-xs text-ink-3">
          <span className="truncate font-mono">
            {progress?.detail ?? (state === 'queued' ? 'waiting its turn' : '')}
          </span>
          {progress?.checkpoint && <span className="shrink-0">Kept if stopped now: {progress.checkpoint}</span>}
        </p>
      )}
    </div>
  )
}

/** The steps there will be, in order; a step of another name is shown alone. */
const QUANTIZE_STEPS = ['Check', 'Quantize', 'Write']
const OWN_TEXT_STEPS = ['Check', 'Write text', 'Measure', 'Quantize', 'Write']
const MEASURE_STEPS = ['Perplexity', 'Speed']

function Phases({ current, measure }: { current: string; measure: boolean }) {
  const step = phaseWord(current)
  const steps = step === 'Write text' || step === 'Measure' ? OWN_TEXT_STEPS : QUANTIZE_STEPS
  const known = measure ? [...steps, ...MEASURE_STEPS] : steps
  const phases = known.includes(step) ? known : [step]
  const at = phases.indexOf(step)
  return (
    <ol aria-label="Phases" className="flex items-center gap-1.5 text-xs">
      {phases.map((phase, index) => (
        <li
          key={phase}
          aria-current={index === at ? 'step' : undefined}
          className={cn(
            'flex items-center gap-1.5',
            index === at ? 'font-semibold text-ink' : index < at ? 'text-ink-2' : 'text-ink-3',
          )}
        >
          {index > 0 && <span aria-hidden>›</span>}
          {phase}
          {index < at && <span className="sr-only">done</span>}
        </li>
      ))}
    </ol>
  )
}

function measures({ job }: JobRecord): boolean {
  return job.kind === 'quantize' && job.request.measure !== false
}

function toneOf({ state }: JobRecord): 'neutral' | 'accent' | 'ok' | 'warn' | 'danger' {
  if (state === 'running') return 'accent'
  if (state === 'done') return 'ok'
  if (state === 'failed') return 'danger'
  return state === 'interrupted' || state === 'stopping' ? 'warn' : 'neutral'
}
