import { Command as Cmdk } from 'cmdk'
import { Search } from 'lucide-react'
import { Dialog } from 'radix-ui'
import { useMemo } from 'react'
import { useStore } from 'zustand'
import { useClient, useQueryCache } from '../client/context.tsx'
import { navigate, SCREENS } from '../client/route.ts'
import { useWatch } from '../client/use-query.ts'
import { type Command, commandStore } from '../ui/commands.ts'
import { Kbd } from '../ui/kbd.tsx'
import { useShortcut } from '../ui/shortcuts.ts'
import { setTheme, type ThemeChoice } from '../ui/theme.ts'
import { closeOverlay, openPalette, openShortcutDialog, overlayStore } from './overlays.ts'
import { SCREEN_INFO } from './screens.ts'

/** Mod+K: go anywhere, open any model, do what the shown screen can do. */
export function CommandPalette() {
  const isOpen = useStore(overlayStore, ({ open }) => open === 'palette')
  useShortcut({
    keys: 'mod+k',
    label: 'Commands',
    group: 'Everywhere',
    run: () => (isOpen ? closeOverlay() : openPalette()),
  })
  return (
    <Dialog.Root open={isOpen} onOpenChange={(open) => !open && closeOverlay()}>
      <Dialog.Portal>
        <Dialog.Overlay className="appear fixed inset-0 z-40 bg-[oklch(0.2_0.01_240/0.35)]" />
        <Dialog.Content
          aria-describedby={undefined}
          className="appear fixed top-[14vh] left-1/2 z-50 w-[calc(100vw-2rem)] max-w-xl -translate-x-1/2 overflow-hidden rounded-lg bg-raised shadow-float focus:outline-none"
        >
          <Dialog.Title className="sr-only">Commands</Dialog.Title>
          <PaletteBody />
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  )
}

function PaletteBody() {
  const groups = useCommandGroups()
  return (
    <Cmdk label="Commands" loop>
      <div className="flex items-center gap-2 border-b border-line px-3">
        <Search aria-hidden className="size-4 text-ink-3" />
        <Cmdk.Input
          placeholder="Type a command or a model"
          className="h-11 flex-1 bg-transparent text-base text-ink outline-none placeholder:text-ink-3"
        />
        <Kbd keys="escape" />
      </div>
      <Cmdk.List className="max-h-[50vh] overflow-y-auto p-1.5">
        <Cmdk.Empty className="p-6 text-center text-sm text-ink-3">No command has that name.</Cmdk.Empty>
        {groups.map(([group, commands]) => (
          <Cmdk.Group
            key={group}
            heading={group}
            className="**:[[cmdk-group-heading]]:px-2 **:[[cmdk-group-heading]]:pt-2 **:[[cmdk-group-heading]]:pb-1 **:[[cmdk-group-heading]]:text-xs **:[[cmdk-group-heading]]:text-ink-3"
          >
            {commands.map((command) => (
              <Cmdk.Item
                key={command.id}
                value={`${command.label} ${command.id}`}
                keywords={[...(command.keywords ?? []), group]}
                onSelect={() => {
                  closeOverlay()
                  command.run()
                }}
                className="flex h-8 cursor-default items-center gap-2 rounded-md px-2 text-sm text-ink select-none data-[selected=true]:bg-selected"
              >
                <span className="flex-1 truncate">{command.label}</span>
                {command.keys && <Kbd keys={command.keys} />}
              </Cmdk.Item>
            ))}
          </Cmdk.Group>
        ))}
      </Cmdk.List>
    </Cmdk>
  )
}

function useCommandGroups(): [string, Command[]][] {
  const registered = useStore(commandStore, ({ commands }) => commands)
  const { data } = useWatch('models.watch', {})
  const client = useClient()
  const cache = useQueryCache()
  return useMemo(() => {
    function chooseTheme(theme: ThemeChoice): void {
      setTheme(theme)
      // Shown in any case; when it cannot be saved, Settings says so on the next change.
      client.call('settings.set', { theme }).then(
        (settings) => cache.setAnswer('settings.get', {}, settings),
        () => undefined,
      )
    }
    const go: Command[] = SCREENS.map((screen) => ({
      id: `go-${screen}`,
      label: SCREEN_INFO[screen].label,
      group: 'Go to',
      keys: SCREEN_INFO[screen].keys,
      run: () => navigate(screen),
    }))
    const models: Command[] = (data?.models ?? []).flatMap((model) => [
      {
        id: `open-${model.id}`,
        label: `Open ${model.name}`,
        group: 'Models',
        run: () => navigate('models', { model: model.id }),
      },
      ...(model.runProblem
        ? []
        : [
            {
              id: `chat-${model.id}`,
              label: `Chat with ${model.name}`,
              group: 'Models',
              run: () => navigate('chat', { model: model.id }),
            },
          ]),
      ...(model.quantizeProblem
        ? []
        : [
            {
              id: `quantize-${model.id}`,
              label: `Quantize ${model.name}`,
              group: 'Models',
              run: () => navigate('quantize', { model: model.id }),
            },
          ]),
    ])
    const view: Command[] = [
      { id: 'theme-light', label: 'Light theme', group: 'View', run: () => chooseTheme('light') },
      { id: 'theme-dark', label: 'Dark theme', group: 'View', run: () => chooseTheme('dark') },
      { id: 'theme-system', label: 'Theme of the system', group: 'View', run: () => chooseTheme('system') },
      { id: 'shortcuts', label: 'Keyboard shortcuts', group: 'View', keys: '?', run: openShortcutDialog },
    ]
    const groups = new Map<string, Command[]>()
    for (const command of [...registered, ...go, ...models, ...view]) {
      groups.set(command.group, [...(groups.get(command.group) ?? []), command])
    }
    return [...groups]
  }, [registered, data, client, cache])
}
