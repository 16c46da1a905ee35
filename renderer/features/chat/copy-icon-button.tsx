import { Check, Copy } from 'lucide-react'
import { useEffect, useState } from 'react'
import { IconButton } from '../../ui/button.tsx'
import { toast } from '../../ui/toast.tsx'

const CONFIRMATION_MS = 1500

/** Copies `text()` and says so for a moment. */
export function CopyIconButton({ label, text }: { label: string; text: () => string }) {
  const [copied, setCopied] = useState(false)

  useEffect(() => {
    if (!copied) return
    const timer = setTimeout(() => setCopied(false), CONFIRMATION_MS)
    return () => clearTimeout(timer)
  }, [copied])

  async function copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(text())
      setCopied(true)
    } catch {
      toast.failed('The clipboard is not available here.', { description: 'Select the text and copy it by keyboard.' })
    }
  }

  return (
    <IconButton size="sm" label={copied ? 'Copied' : label} icon={copied ? Check : Copy} onClick={() => void copy()} />
  )
}
