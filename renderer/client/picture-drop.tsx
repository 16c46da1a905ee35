/** An area that takes pictures: dropped on it, or pasted while something in it has the focus. */
import { type ClipboardEvent, type DragEvent, type ReactNode, useRef, useState } from 'react'
import { Button, type ButtonProps } from '../ui/button.tsx'
import { cn } from '../ui/cn.ts'
import { filesIn, PICTURE_TYPES } from './add-picture.ts'

export interface PictureDropProps {
  /** Name for screen readers. */
  label: string
  onFiles(files: readonly File[]): void
  className?: string
  children: ReactNode
}

export function PictureDrop({ label, onFiles, className, children }: PictureDropProps) {
  const [over, setOver] = useState(false)

  function hasFiles(event: DragEvent): boolean {
    return event.dataTransfer.types.includes('Files')
  }

  function take(event: DragEvent | ClipboardEvent, data: DataTransfer): void {
    const files = filesIn(data)
    if (files.length === 0) return
    event.preventDefault()
    onFiles(files)
  }

  return (
    <section
      aria-label={label}
      onDragOver={(event) => {
        if (!hasFiles(event)) return
        event.preventDefault()
        setOver(true)
      }}
      onDragLeave={(event) => {
        // Moving onto a child leaves nothing.
        const { relatedTarget } = event
        if (!(relatedTarget instanceof Node && event.currentTarget.contains(relatedTarget))) setOver(false)
      }}
      onDrop={(event) => {
        setOver(false)
        take(event, event.dataTransfer)
      }}
      onPaste={(event) => take(event, event.clipboardData)}
      className={cn('relative', className)}
    >
      {children}
      {over && (
        <div className="pointer-events-none absolute inset-1 z-20 flex items-center justify-center rounded-lg border-2 border-dashed border-accent bg-accent-soft/85 text-sm font-medium text-accent-text">
          Drop the pictures here
        </div>
      )}
    </section>
  )
}

export interface PictureButtonProps extends Omit<ButtonProps, 'onClick' | 'asChild'> {
  onFiles(files: readonly File[]): void
}

/** Opens the system's file dialog for pictures. */
export function PictureButton({ onFiles, children, ...rest }: PictureButtonProps) {
  const input = useRef<HTMLInputElement>(null)
  return (
    <>
      <Button {...rest} onClick={() => input.current?.click()}>
        {children}
      </Button>
      <input
        ref={input}
        type="file"
        multiple
        accept={PICTURE_TYPES}
        aria-label="Picture files"
        tabIndex={-1}
        className="hidden"
        onChange={(event) => {
          const files = [...(event.target.files ?? [])]
          // The same file may be picked again.
          event.target.value = ''
          if (files.length > 0) onFiles(files)
        }}
      />
    </>
  )
}
