import { FolderPlus, X } from 'lucide-react'
import { useConnection } from '../../client/context.tsx'
import { ErrorView } from '../../client/error-view.tsx'
import { usePathPicker } from '../../client/path-picker.tsx'
import { useAction } from '../../client/use-action.ts'
import { Button, IconButton } from '../../ui/button.tsx'
import { Section } from '../../ui/page.tsx'
import type { SettingsPartProps } from './engine-section.tsx'

/** Where versions are written and where models are looked for. */
export function FolderSection({ settings, change }: SettingsPartProps) {
  const { host } = useConnection()
  const picker = usePathPicker()
  const pickOutput = useAction(async () => {
    const path = await picker.pick({
      pick: 'folder',
      title: 'Folder for new models',
      confirmLabel: 'Choose this folder',
    })
    if (path !== null) change({ outputDir: path })
  })
  const addFolder = useAction(async () => {
    const path = await picker.pick({
      pick: 'folder',
      title: 'Add a folder to scan',
      description: 'Every model folder inside it appears in the library.',
      confirmLabel: 'Add this folder',
    })
    if (path !== null && !settings.modelDirs.includes(path)) change({ modelDirs: [...settings.modelDirs, path] })
  })
  const failure = pickOutput.error ?? addFolder.error
  return (
    <Section title="Folders">
      <div className="flex flex-col gap-1">
        <h3 className="text-sm font-medium text-ink-2">New models are written to</h3>
        <div className="flex items-center gap-2">
          <Path text={settings.outputDir ?? (host ? `${host.dataDir}/models` : 'the folder of the app')} />
          {settings.outputDir !== null && (
            <Button variant="ghost" onClick={() => change({ outputDir: null })}>
              Use the app's folder
            </Button>
          )}
          <Button onClick={() => void pickOutput.run()}>Change</Button>
        </div>
      </div>
      <div className="flex flex-col gap-1">
        <h3 className="text-sm font-medium text-ink-2">Also scanned for models</h3>
        <ul className="flex flex-col gap-1">
          {settings.modelDirs.map((dir) => (
            <li key={dir} className="flex items-center gap-2">
              <Path text={dir} />
              <IconButton
                label={`No longer scan ${dir}`}
                icon={X}
                onClick={() => change({ modelDirs: settings.modelDirs.filter((other) => other !== dir) })}
              />
            </li>
          ))}
        </ul>
        {settings.modelDirs.length === 0 && (
          <p className="text-xs text-ink-3">No folder yet. Single models can also be added in Models.</p>
        )}
        <Button className="mt-1 self-start" onClick={() => void addFolder.run()}>
          <FolderPlus aria-hidden />
          Add a folder
        </Button>
      </div>
      {failure && <ErrorView error={failure} />}
      {picker.element}
    </Section>
  )
}

function Path({ text }: { text: string }) {
  return (
    <span className="min-w-0 flex-1 rounded-md bg-sunken px-2 py-1.5 font-mono text-xs break-all text-ink shadow-[inset_0_0_0_1px_var(--line)]">
      {text}
    </span>
  )
}
