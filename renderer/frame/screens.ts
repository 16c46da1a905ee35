/** Name, icon and key of each screen, for the rail, the palette and the shortcuts. */
import {
  Boxes,
  ChartNoAxesCombined,
  CloudDownload,
  Eye,
  Grid3x3,
  ListChecks,
  type LucideIcon,
  MessageSquareText,
  Settings2,
} from 'lucide-react'
import type { Screen } from '../client/route.ts'

export interface ScreenInfo {
  readonly label: string
  readonly icon: LucideIcon
  readonly keys: string
}

export const SCREEN_INFO: Record<Screen, ScreenInfo> = {
  models: { label: 'Models', icon: Boxes, keys: 'mod+1' },
  hub: { label: 'Hub', icon: CloudDownload, keys: 'mod+2' },
  quantize: { label: 'Quantize', icon: Grid3x3, keys: 'mod+3' },
  compare: { label: 'Compare', icon: ChartNoAxesCombined, keys: 'mod+4' },
  chat: { label: 'Chat', icon: MessageSquareText, keys: 'mod+5' },
  vision: { label: 'Vision', icon: Eye, keys: 'mod+6' },
  jobs: { label: 'Jobs', icon: ListChecks, keys: 'mod+7' },
  settings: { label: 'Settings', icon: Settings2, keys: 'mod+8' },
}
