import { type FormEvent, useState } from 'react'
import { toAppError } from '../../../electron/contract/errors.ts'
import { Input } from '../../ui/input.tsx'

export interface PatternFieldProps {
  /** Selects by name; returns how many. Throws for a malformed pattern. */
  onSelect(pattern: string): number
}

/** Selects layers by a glob on their names; Enter applies it. */
export function PatternField({ onSelect }: PatternFieldProps) {
  const [pattern, setPattern] = useState('')
  const [problem, setProblem] = useState<string | null>(null)

  function apply(event: FormEvent): void {
    event.preventDefault()
    const wanted = pattern.trim()
    if (wanted === '') return
    try {
      setProblem(onSelect(wanted) === 0 ? 'No layer has such a name.' : null)
    } catch (thrown) {
      setProblem(toAppError(thrown).message)
    }
  }

  return (
    <form onSubmit={apply} className="flex min-w-0 items-center gap-2">
      {problem !== null && (
        <p role="alert" className="truncate text-xs text-danger-text">
          {problem}
        </p>
      )}
      <Input
        aria-label="Select by name"
        title="* any characters, ? one, {a,b} alternatives; Enter selects"
        placeholder="Select by name: *.v_proj"
        aria-invalid={problem !== null || undefined}
        value={pattern}
        onChange={(event) => {
          setPattern(event.target.value)
          setProblem(null)
        }}
        className="h-7 w-56 font-mono text-xs"
      />
    </form>
  )
}
