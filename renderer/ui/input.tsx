import { Search, X } from 'lucide-react'
import type { ComponentProps } from 'react'
import { cn } from './cn.ts'
import { useFieldProps } from './field.tsx'

export const inputStyles = [
  'w-full min-w-0 rounded-md bg-surface px-2 text-sm text-ink shadow-[inset_0_0_0_1px_var(--line-strong)]',
  'placeholder:text-ink-3 focus-visible:outline-offset-0 disabled:opacity-50 aria-invalid:shadow-[inset_0_0_0_1px_var(--danger)]',
].join(' ')

/** One line of text. Inside a Field it needs no id; alone it needs `aria-label`. */
export function Input({ className, ...rest }: ComponentProps<'input'>) {
  return (
    <input
      {...useFieldProps()}
      className={cn(inputStyles, 'h-8', className)}
      autoComplete="off"
      spellCheck={false}
      {...rest}
    />
  )
}

/** Several lines of text. */
export function TextArea({ className, ...rest }: ComponentProps<'textarea'>) {
  return <textarea {...useFieldProps()} className={cn(inputStyles, 'resize-y py-1.5', className)} {...rest} />
}

export interface SearchInputProps {
  /** Name for screen readers, and the placeholder. */
  label: string
  value: string
  onChange(value: string): void
  className?: string
}

/** Filters what is below it; Escape or the cross empties it. */
export function SearchInput({ label, value, onChange, className }: SearchInputProps) {
  return (
    <div className={cn('relative', className)}>
      <Search aria-hidden className="pointer-events-none absolute top-2 left-2 size-4 text-ink-3" />
      <input
        type="search"
        aria-label={label}
        placeholder={label}
        value={value}
        spellCheck={false}
        autoComplete="off"
        onChange={(event) => onChange(event.target.value)}
        onKeyDown={(event) => {
          if (event.key !== 'Escape' || value === '') return
          event.preventDefault()
          onChange('')
        }}
        className={cn(inputStyles, 'h-8 px-8 [&::-webkit-search-cancel-button]:hidden')}
      />
      {value !== '' && (
        <button
          type="button"
          aria-label="Clear"
          onClick={() => onChange('')}
          className="absolute top-1.5 right-1.5 rounded-sm p-0.5 text-ink-3 hover:text-ink"
        >
          <X aria-hidden className="size-4" />
        </button>
      )}
    </div>
  )
}
