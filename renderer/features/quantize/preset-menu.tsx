/** Presets to start from, and the plan as a preset or a file. */
import { Download, FolderInput, MoreHorizontal, Save, Trash2 } from 'lucide-react'
import { useRef, useState } from 'react'
import { toAppError } from '../../../electron/contract/errors.ts'
import type { Preset, QuantConfig } from '../../../electron/contract/quant.ts'
import { useClient, useQueryCache } from '../../client/context.tsx'
import { errorWords } from '../../client/error-words.ts'
import { IconButton } from '../../ui/button.tsx'
import { downloadText, safeFileName } from '../../ui/download.ts'
import { Menu, type MenuItem } from '../../ui/menu.tsx'
import { Select } from '../../ui/select.tsx'
import { toast } from '../../ui/toast.tsx'
import { readConfigFile } from './plan-file.ts'
import { SavePresetDialog } from './save-preset-dialog.tsx'

export interface PresetMenuProps {
  presets: readonly Preset[]
  /** The preset the plan is exactly; null: edited. */
  presetId: string | null
  /** For file names. */
  modelName: string
  /** The plan as it stands. */
  currentConfig(): QuantConfig
  /** Throws `bad-input` when the configuration does not suit the model. */
  onApply(config: QuantConfig, presetId: string | null): void
  onSaved(preset: Preset): void
}

export function PresetMenu({ presets, presetId, modelName, currentConfig, onApply, onSaved }: PresetMenuProps) {
  const client = useClient()
  const cache = useQueryCache()
  const fileInput = useRef<HTMLInputElement>(null)
  const [isSaving, setSaving] = useState(false)
  const current = presets.find(({ id }) => id === presetId)

  async function guarded(work: () => Promise<void> | void): Promise<void> {
    try {
      await work()
    } catch (thrown) {
      const { code, message } = toAppError(thrown)
      toast.failed(errorWords(code).title, { description: message })
    }
  }

  async function save(name: string, description: string): Promise<void> {
    const preset = await client.call('presets.save', { name, description, config: currentConfig() })
    cache.invalidate('presets.list')
    onSaved(preset)
    setSaving(false)
    toast.done('Preset saved', { description: preset.name })
  }

  function remove(preset: Preset): Promise<void> {
    return guarded(async () => {
      await client.call('presets.remove', { id: preset.id })
      cache.invalidate('presets.list')
      toast.info('Preset deleted', {
        action: {
          label: 'Undo',
          run: () =>
            void guarded(async () => {
              const { name, description, config } = preset
              await client.call('presets.save', { name, description, config })
              cache.invalidate('presets.list')
            }),
        },
      })
    })
  }

  const items: MenuItem[] = [
    { label: 'Save as preset …', icon: Save, onSelect: () => setSaving(true) },
    { label: 'Import configuration …', icon: FolderInput, onSelect: () => fileInput.current?.click() },
    {
      label: 'Export configuration',
      icon: Download,
      onSelect: () =>
        downloadText(`${safeFileName(modelName)}.quant.json`, `${JSON.stringify(currentConfig(), null, 2)}\n`),
    },
  ]
  if (current !== undefined && !current.builtIn) {
    items.push({
      label: `Delete preset "${current.name}"`,
      icon: Trash2,
      danger: true,
      separated: true,
      onSelect: () => void remove(current),
    })
  }

  return (
    <div className="flex items-center gap-1">
      <Select
        aria-label="Preset"
        className="w-56"
        placeholder="Own choices"
        value={presetId ?? ''}
        onChange={(id) => {
          const preset = presets.find((candidate) => candidate.id === id)
          if (preset !== undefined) void guarded(() => onApply(preset.config, preset.id))
        }}
        options={presets.map(({ id, name, description }) => ({ value: id, label: name, hint: description }))}
      />
      <Menu items={items}>
        <IconButton icon={MoreHorizontal} label="Presets and files" />
      </Menu>
      <input
        ref={fileInput}
        type="file"
        accept="application/json,.json"
        aria-label="Configuration file"
        tabIndex={-1}
        className="hidden"
        onChange={(event) => {
          const [file] = event.target.files ?? []
          // The same file may be picked again after it was edited.
          event.target.value = ''
          if (file !== undefined) void guarded(async () => onApply(await readConfigFile(file), null))
        }}
      />
      {isSaving && <SavePresetDialog open onOpenChange={setSaving} onSave={save} />}
    </div>
  )
}
