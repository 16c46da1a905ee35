import { Toaster as Sonner, toast as sonner } from 'sonner'

/** Once, in the app frame. */
export function Toaster({ theme }: { theme: 'light' | 'dark' }) {
  return (
    <Sonner
      theme={theme}
      position="bottom-right"
      // Above the bar with the primary action.
      offset={{ right: 16, bottom: 68 }}
      gap={8}
      toastOptions={{
        unstyled: true,
        classNames: {
          toast:
            'flex w-(--width) items-start gap-2.5 rounded-lg bg-raised px-3 py-2.5 text-sm text-ink shadow-float font-sans',
          title: 'font-medium',
          description: 'text-ink-2',
          icon: 'mt-0.5',
          content: 'flex-1 min-w-0',
          actionButton: 'shrink-0 rounded-md px-2 py-0.5 font-medium text-accent-text hover:bg-hover',
        },
      }}
    />
  )
}

export interface ToastOptions {
  description?: string
  action?: { label: string; run(): void }
}

/** Long enough to read a failure, or to notice what was lost and take it back. */
const LONG_MS = 10_000

function show(kind: 'message' | 'success' | 'error', title: string, { description, action }: ToastOptions = {}): void {
  sonner[kind](title, {
    ...(description ? { description } : {}),
    ...(action ? { action: { label: action.label, onClick: () => action.run() } } : {}),
    ...(kind === 'error' || action ? { duration: LONG_MS } : {}),
  })
}

/** Short news about something the person did; nothing that must be read. Failures that need reading get an ErrorPanel. */
export const toast = {
  info: (title: string, options?: ToastOptions) => show('message', title, options),
  done: (title: string, options?: ToastOptions) => show('success', title, options),
  failed: (title: string, options?: ToastOptions) => show('error', title, options),
}
