import { cva, type VariantProps } from 'class-variance-authority'
import { LoaderCircle, type LucideIcon } from 'lucide-react'
import { Slot } from 'radix-ui'
import type { ComponentProps } from 'react'
import { cn } from './cn.ts'
import { Tooltip } from './tooltip.tsx'

const buttonStyles = cva(
  [
    'inline-flex shrink-0 select-none items-center justify-center gap-1.5 whitespace-nowrap rounded-md font-medium',
    'transition-colors duration-120 disabled:pointer-events-none disabled:opacity-50 [&_svg]:shrink-0',
  ],
  {
    variants: {
      variant: {
        primary: [
          'bg-accent text-accent-ink hover:bg-accent-hover [&_kbd]:text-current [&_kbd>span]:bg-transparent',
          '[&_kbd>span]:shadow-[inset_0_0_0_1px_color-mix(in_oklab,currentColor_45%,transparent)]',
        ],
        secondary: 'bg-surface text-ink shadow-[inset_0_0_0_1px_var(--line-strong)] hover:bg-hover',
        ghost: 'text-ink-2 hover:bg-hover hover:text-ink data-[state=open]:bg-hover',
        danger: 'bg-danger text-danger-ink hover:bg-danger-hover',
        'danger-ghost': 'text-danger-text hover:bg-danger-soft',
      },
      size: {
        sm: 'h-6 px-2 text-xs [&_svg]:size-3.5',
        md: 'h-8 px-3 text-sm [&_svg]:size-4',
        lg: 'h-9 px-4 text-sm [&_svg]:size-4',
      },
    },
    defaultVariants: { variant: 'secondary', size: 'md' },
  },
)

export interface ButtonProps extends ComponentProps<'button'>, VariantProps<typeof buttonStyles> {
  /** Shows a spinner and blocks presses, keeping the width of the label. */
  pending?: boolean
  /** Renders the child element (an anchor, mostly) with the look of a button. */
  asChild?: boolean
}

/** A press that does something. One `primary` a screen, bottom right of what it acts on. */
export function Button({ variant, size, pending, asChild, className, children, disabled, ...rest }: ButtonProps) {
  if (asChild) {
    return (
      <Slot.Root className={cn(buttonStyles({ variant, size }), className)} {...rest}>
        {children}
      </Slot.Root>
    )
  }
  return (
    <button
      type="button"
      className={cn(buttonStyles({ variant, size }), className)}
      disabled={disabled || pending}
      aria-busy={pending || undefined}
      {...rest}
    >
      {pending && <LoaderCircle aria-hidden className="animate-spin" />}
      {children}
    </button>
  )
}

export interface IconButtonProps extends Omit<ButtonProps, 'children' | 'asChild'> {
  /** Name for screen readers and the tooltip. */
  label: string
  icon: LucideIcon
  /** Keys shown in the tooltip, e.g. `mod+k`. */
  keys?: string
}

/** A square button with a tooltip for its name. */
export function IconButton({
  label,
  icon: Icon,
  keys,
  size,
  variant = 'ghost',
  className,
  pending,
  ...rest
}: IconButtonProps) {
  return (
    <Tooltip text={label} {...(keys ? { keys } : {})}>
      <Button
        aria-label={label}
        pending={pending ?? false}
        variant={variant}
        size={size}
        className={cn('px-0', size === 'sm' ? 'w-6' : size === 'lg' ? 'w-9' : 'w-8', className)}
        {...rest}
      >
        {!pending && <Icon aria-hidden />}
      </Button>
    </Tooltip>
  )
}
