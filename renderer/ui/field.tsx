import { Label } from 'radix-ui'
import { createContext, type ReactNode, useContext, useId } from 'react'
import { cn } from './cn.ts'

interface FieldIds {
  readonly id: string
  readonly labelId: string
  readonly hintId: string | undefined
  readonly invalid: boolean
}

const FieldContext = createContext<FieldIds | null>(null)

export interface FieldProps {
  label: ReactNode
  /** One line below the control. Replaced by the error while there is one. */
  hint?: ReactNode
  error?: string | null | undefined
  /** `row` puts the label left of the control, for settings and dense panels. */
  layout?: 'stack' | 'row'
  className?: string
  children: ReactNode
}

/** Label, control and hint wired together: the control inside takes its ids from here. */
export function Field({ label, hint, error, layout = 'stack', className, children }: FieldProps) {
  const id = useId()
  const note = error ?? hint
  const hintId = note ? `${id}-hint` : undefined
  return (
    <FieldContext value={{ id, labelId: `${id}-label`, hintId, invalid: Boolean(error) }}>
      <div
        className={cn(
          layout === 'stack'
            ? 'flex min-w-0 flex-col gap-1'
            : 'grid grid-cols-[minmax(9rem,14rem)_minmax(0,1fr)] gap-x-6 gap-y-1',
          className,
        )}
      >
        <Label.Root
          id={`${id}-label`}
          htmlFor={id}
          className={cn('text-sm font-medium text-ink-2', layout === 'row' && 'pt-1.5')}
        >
          {label}
        </Label.Root>
        <div className="flex min-w-0 flex-col gap-1">
          {children}
          {note && (
            <p
              id={hintId}
              role={error ? 'alert' : undefined}
              className={cn('text-xs', error ? 'text-danger-text' : 'text-ink-3')}
            >
              {note}
            </p>
          )}
        </div>
      </div>
    </FieldContext>
  )
}

/** Props that tie a control to the Field around it; empty outside of one. */
export function useFieldProps(): { id?: string; 'aria-describedby'?: string; 'aria-invalid'?: true } {
  const field = useContext(FieldContext)
  if (!field) return {}
  return {
    id: field.id,
    ...(field.hintId ? { 'aria-describedby': field.hintId } : {}),
    ...(field.invalid ? { 'aria-invalid': true as const } : {}),
  }
}

/** The same for controls that a label element cannot name: groups and slider thumbs. A label of their own wins. */
export function useFieldGroupProps(
  ownLabel: string | undefined,
): ReturnType<typeof useFieldProps> & { 'aria-labelledby'?: string } {
  const field = useContext(FieldContext)
  const props = useFieldProps()
  return field && !ownLabel ? { ...props, 'aria-labelledby': field.labelId } : props
}
