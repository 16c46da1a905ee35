import { ArrowUp, ImagePlus, Square } from 'lucide-react'
import { type KeyboardEvent, type RefObject, useEffect, useLayoutEffect } from 'react'
import { PictureButton } from '../../client/picture-drop.tsx'
import { Button } from '../../ui/button.tsx'
import { AttachedPictures } from './attached-pictures.tsx'
import { type Attached, settled } from './attaching.ts'

export interface ComposerProps {
  value: string
  onChange(text: string): void
  running: boolean
  stopping: boolean
  /** Why nothing can be asked now; null when it can. */
  blocked: string | null
  attached: readonly Attached[]
  /** Why the pictures cannot be asked about; null when they can, or there are none. */
  blind: string | null
  onFiles(files: readonly File[]): void
  onDetach(key: string): void
  field: RefObject<HTMLTextAreaElement | null>
  onSend(): void
  onStop(): void
  /** Arrow up in an empty field. */
  onEditLast(): void
}

const MAX_HEIGHT_PX = 240

/** Where a question is written. Enter sends, Shift+Enter begins a line, Escape stops the answer. */
export function Composer(props: ComposerProps) {
  const { value, onChange, running, stopping, blocked, attached, blind, onFiles, field, onSend, onStop, onEditLast } =
    props
  const canSend = !running && blocked === null && blind === null && value.trim() !== '' && settled(attached)

  // biome-ignore lint/correctness/useExhaustiveDependencies: the height follows the text
  useLayoutEffect(() => {
    const area = field.current
    if (area === null) return
    area.style.height = 'auto'
    area.style.height = `${Math.min(area.scrollHeight, MAX_HEIGHT_PX)}px`
  }, [value, field])

  useEffect(() => field.current?.focus(), [field])

  function onKeyDown(event: KeyboardEvent<HTMLTextAreaElement>): void {
    if (event.nativeEvent.isComposing) return
    if (event.key === 'Enter' && !event.shiftKey) {
      event.preventDefault()
      if (canSend) onSend()
    } else if (event.key === 'ArrowUp' && value === '' && !running) {
      event.preventDefault()
      onEditLast()
    }
  }

  return (
    <form
      aria-label="Write a message"
      className="mx-auto w-full max-w-184 px-5 pb-4"
      onSubmit={(event) => {
        event.preventDefault()
        if (canSend) onSend()
      }}
    >
      {blind !== null && (
        <p role="alert" className="pb-1.5 text-sm text-warn-text">
          {blind}
        </p>
      )}
      <div className="rounded-lg bg-surface shadow-[inset_0_0_0_1px_var(--line-strong)] focus-within:shadow-[inset_0_0_0_1px_var(--accent)]">
        <AttachedPictures attached={attached} onRemove={props.onDetach} />
        <div className="flex items-end gap-2 p-2">
          <PictureButton variant="ghost" className="w-8 px-0" aria-label="Add pictures" onFiles={onFiles}>
            <ImagePlus aria-hidden />
          </PictureButton>
          <textarea
            ref={field}
            rows={1}
            value={value}
            aria-label="Message"
            placeholder={blocked ?? (attached.length > 0 ? 'Ask about the picture' : 'Ask something')}
            className="min-h-8 flex-1 resize-none bg-transparent px-1.5 py-1 text-base outline-none placeholder:text-ink-3"
            onChange={(event) => onChange(event.target.value)}
            onKeyDown={onKeyDown}
          />
          {running ? (
            <Button onClick={onStop} disabled={stopping}>
              <Square aria-hidden className="fill-current" />
              Stop
            </Button>
          ) : (
            <Button variant="primary" type="submit" disabled={!canSend}>
              <ArrowUp aria-hidden />
              Send
            </Button>
          )}
        </div>
      </div>
    </form>
  )
}
