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
  const [stuck, setStuck] = useState(true)

  const set = useCallback((next: boolean) => {
    stuckNow.current = next
    setStuck(next)
  }, [])

  const toEnd = useCallback(() => {
    if (surface.current !== null) surface.current.scrollTop = surface.current.scrollHeight
  }, [])

  useLayoutEffect(() => {
    const scroller = surface.current
    const grown = content.current
    if (scroller === null || grown === null) return
    let lastTop = scroller.scrollTop

    function onScroll(): void {
      if (scroller === null) return
      const { scrollTop, scrollHeight, clientHeight } = scroller
      const atEnd = scrollHeight - scrollTop - clientHeight < SLACK_PX
      if (atEnd) set(true)
      else if (scrollTop < lastTop) set(false)
      lastTop = scrollTop
    }
    // Before the scroll itself: text that grows in the same frame must not pull the reader back.
    function onWheel(event: WheelEvent): void {
      if (event.deltaY < 0 && scroller !== null && scroller.scrollTop > 0) set(false)
    }
    const observer = new ResizeObserver(() => {
      if (stuckNow.current) toEnd()
    })
    observer.observe(grown)
    observer.observe(scroller)
    scroller.addEventListener('scroll', onScroll, { passive: true })
    scroller.addEventListener('wheel', onWheel, { passive: true })
    return () => {
      observer.disconnect()
      scroller.removeEventListener('scroll', onScroll)
      scroller.removeEventListener('wheel', onWheel)
    }
  }, [set, toEnd])

  const stick = useCallback(() => {
    set(true)
    toEnd()
  }, [set, toEnd])

  return { surface, content, stuck, stick }
}
