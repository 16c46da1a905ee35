/**
 * Keeps a scrolling surface at its end while content grows, until the reader scrolls up; reaching the end again, or `stick()`,
 * takes hold again.
 */
import { type RefObject, useCallback, useLayoutEffect, useRef, useState } from 'react'

/** Closer than this to the end counts as the end; fractional scroll positions never reach it exactly. */
const SLACK_PX = 24

export interface StickToBottom {
  surface: RefObject<HTMLDivElement | null>
  content: RefObject<HTMLDivElement | null>
  stuck: boolean
  stick(): void
}

export function useStickToBottom(): StickToBottom {
  const surface = useRef<HTMLDivElement>(null)
  const content = useRef<HTMLDivElement>(null)
  const stuckNow = useRef(true)
  /** Where we moved the surface, until its scroll event has told so. */
  const ownTop = useRef<number | null>(null)
  const [stuck, setStuck] = useState(true)

  const set = useCallback((next: boolean) => {
    stuckNow.current = next
    setStuck(next)
  }, [])

  const toEnd = useCallback(() => {
    const scroller = surface.current
    if (scroller === null) return
    const before = scroller.scrollTop
    scroller.scrollTop = scroller.scrollHeight
    // Only a move has an event.
    if (scroller.scrollTop !== before) ownTop.current = scroller.scrollTop
  }, [])

  useLayoutEffect(() => {
    const scroller = surface.current
    const grown = content.current
    if (scroller === null || grown === null) return
    let lastTop = scroller.scrollTop
    let lastEnd = endOf(scroller)

    function onScroll(): void {
      if (scroller === null) return
      const { scrollTop } = scroller
      const end = endOf(scroller)
      const isOwn = scrollTop === ownTop.current
      ownTop.current = null
      // Our own move is told a frame late: the reader may have turned the wheel meanwhile, and it must not take hold again.
      // Where the end came nearer as well, the layout moved the surface, not the reader.
      if (!isOwn && end >= lastEnd) {
        if (scrollTop < lastTop) set(false)
        else if (end - scrollTop < SLACK_PX) set(true)
      }
      lastTop = scrollTop
      lastEnd = end
    }
    // Before the scroll itself: text that grows in the same frame must not pull the reader back.
    function onWheel(event: WheelEvent): void {
      if (event.deltaY < 0 && scroller !== null && scroller.scrollTop > 0) set(false)
    }
    // Text that comes fast outruns the scroll that this key begins.
    function onKeyDown(event: KeyboardEvent): void {
      if (event.key !== 'End' || event.target !== scroller) return
      set(true)
      toEnd()
    }
    const observer = new ResizeObserver(() => {
      if (stuckNow.current) toEnd()
    })
    observer.observe(grown)
    observer.observe(scroller)
    scroller.addEventListener('scroll', onScroll, { passive: true })
    scroller.addEventListener('wheel', onWheel, { passive: true })
    scroller.addEventListener('keydown', onKeyDown)
    return () => {
      observer.disconnect()
      scroller.removeEventListener('scroll', onScroll)
      scroller.removeEventListener('wheel', onWheel)
      scroller.removeEventListener('keydown', onKeyDown)
    }
  }, [set, toEnd])

  const stick = useCallback(() => {
    set(true)
    toEnd()
  }, [set, toEnd])

  return { surface, content, stuck, stick }
}

/** The scroll position at the end. */
function endOf({ scrollHeight, clientHeight }: Element): number {
  return scrollHeight - clientHeight
}
