import type { Settings } from '../../../electron/contract/domain.ts'
import type { ComputeDtype } from '../../../electron/contract/quant.ts'
import { DeviceSelect } from '../../client/device-select.tsx'
import { ErrorView } from '../../client/error-view.tsx'
import { useDevice } from '../../client/use-device.ts'
import { useWatch } from '../../client/use-query.ts'
import { Field } from '../../ui/field.tsx'
import { NumberField } from '../../ui/number-field.tsx'
import { Section } from '../../ui/page.tsx'
import { Segmented } from '../../ui/segmented.tsx'
import { Select, type SelectOption } from '../../ui/select.tsx'
import type { ChangeSettings } from './page.tsx'

export interface SettingsPartProps {
  settings: Settings
  change: ChangeSettings
}

export function AppearanceSection({ settings, change }: SettingsPartProps) {
  return (
    <Section title="Appearance">
      <Field label="Theme" layout="row">
        <Segmented
          value={settings.theme}
          onChange={(theme) => change({ theme })}
          options={[
            { value: 'system', label: 'System' },
            { value: 'light', label: 'Light' },
            { value: 'dark', label: 'Dark' },
          ]}
        />
      </Field>
    </Section>
  )
}

const DTYPES: readonly SelectOption<ComputeDtype>[] = [
  { value: 'float32', label: 'float32', hint: 'The numbers of the reference, to the last digit that matters' },
  { value: 'float16', label: 'float16', hint: 'Half the memory for activations and KV cache' },
  { value: 'bfloat16', label: 'bfloat16', hint: 'Same size as float16, wider range, fewer digits' },
]

export function EngineSection({ settings, change }: SettingsPartProps) {
  const { data: engine } = useWatch('engine.watch', {})
  const cores = engine?.machine?.cores ?? null
  const device = useDevice()
  return (
    <Section title="Engine">
      <Field
        label="Threads"
        layout="row"
        hint={cores ? `Empty: all ${cores} physical cores` : 'Empty: all physical cores'}
      >
        <NumberField
          value={settings.threads}
          onChange={(threads) => change({ threads })}
          min={1}
          max={cores ? Math.max(cores * 2, settings.threads ?? 1) : 1024}
          integer
          allowEmpty
          placeholder="all cores"
          className="w-40"
        />
      </Field>
      <Field
        label="Device"
        layout="row"
        hint={device.gpu ? `Models are quantized and run on ${device.gpu.name}` : 'Where models are quantized and run'}
      >
        <DeviceSelect device={device} className="w-56" />
      </Field>
      {device.error && <ErrorView error={device.error} />}
      <Field label="Compute dtype" layout="row" hint="What the engine calculates in when it runs a model">
        <Select
          value={settings.computeDtype}
          onChange={(computeDtype) => change({ computeDtype })}
          options={DTYPES}
          className="w-40"
        />
      </Field>
      <Field label="Context length" layout="row" hint="For estimates and chats, unless the model's own is shorter">
        <NumberField
          value={settings.contextLength}
          onChange={(contextLength) => contextLength !== null && change({ contextLength })}
          min={16}
          max={1_048_576}
          step={256}
          integer
          unit="tokens"
          className="w-40"
        />
      </Field>
    </Section>
  )
}
