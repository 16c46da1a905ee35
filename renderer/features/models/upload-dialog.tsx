import { useState } from 'react'
import type { ModelSummary } from '../../../electron/contract/domain.ts'
import type { UploadPlan } from '../../../electron/contract/hub.ts'
import { useClient } from '../../client/context.tsx'
import { ErrorView } from '../../client/error-view.tsx'
import { hrefFor, navigate } from '../../client/route.ts'
import { useAction } from '../../client/use-action.ts'
import { useQuery } from '../../client/use-query.ts'
import { Button } from '../../ui/button.tsx'
import { Dialog } from '../../ui/dialog.tsx'
import { Field } from '../../ui/field.tsx'
import { formatDisk } from '../../ui/format.ts'
import { Input } from '../../ui/input.tsx'
import { SafeMarkdown } from '../../ui/safe-markdown.tsx'
import { Checkbox } from '../../ui/switch.tsx'

/** Puts a model that was made here on the Hub, after showing what would go up. */
export function UploadDialog({ model, onClose }: { model: ModelSummary; onClose(): void }) {
  const client = useClient()
  const account = useQuery('hub.account', {})
  const user = account.data?.user ?? null
  const [typed, setTyped] = useState<string | null>(null)
  const [isPublic, setPublic] = useState(false)
  const [plan, setPlan] = useState<UploadPlan | null>(null)
  const repo = typed ?? (user ? `${user.name}/${slugOf(model.name)}` : '')
  const request = { modelId: model.id, repo, private: !isPublic }
  const look = useAction(async () => setPlan(await client.call('hub.planUpload', request)))
  const start = useAction(async () => {
    const job = await client.call('hub.upload', request)
    navigate('jobs', { job: job.id })
  })
  const failure = look.error ?? start.error ?? account.error
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      size="lg"
      title={`Upload ${model.name}`}
      description="Weights, configuration and a model card with what was measured. Files that are there already are not sent again."
      className="gap-5"
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button pending={look.pending} disabled={repo === ''} onClick={() => void look.run()}>
            Show what would go up
          </Button>
          <Button
            variant="primary"
            pending={start.pending}
            disabled={user === null || repo === ''}
            onClick={() => void start.run()}
          >
            Upload
          </Button>
        </>
      }
    >
      {failure && <ErrorView error={failure} />}
      {account.data && user === null && (
        <p className="text-sm text-ink-2">
          Sign in first, with a token that may write:{' '}
          <a className="text-accent-text underline" href={hrefFor('settings')}>
            Settings
          </a>
          .
        </p>
      )}
      <Field label="Repository" hint="owner/name. It is made when it is not there.">
        <Input
          value={repo}
          spellCheck={false}
          placeholder="owner/name"
          onChange={(event) => {
            setTyped(event.target.value)
            setPlan(null)
          }}
        />
      </Field>
      <div className="flex items-center gap-2 text-sm text-ink">
        <Checkbox aria-label="Let everybody see it" checked={isPublic} onChange={setPublic} />
        <span aria-hidden>Let everybody see it. A new repository is private otherwise.</span>
      </div>
      {plan && <PlanView plan={plan} />}
    </Dialog>
  )
}

function PlanView({ plan }: { plan: UploadPlan }) {
  return (
    <section aria-label="What would go up" className="flex flex-col gap-3">
      <p className="text-sm text-ink">
        {formatDisk(plan.bytes)} would be sent to {plan.page}, which {plan.exists ? 'is there' : 'would be made'},{' '}
        {plan.private ? 'private' : 'public'}.
      </p>
      <table className="w-full text-sm">
        <thead className="sr-only">
          <tr>
            <th scope="col">File</th>
            <th scope="col">Size</th>
            <th scope="col">State</th>
          </tr>
        </thead>
        <tbody>
          {plan.files.map(({ path, bytes, state }) => (
            <tr key={path}>
              <th scope="row" className="py-0.5 text-left font-mono text-xs font-normal text-ink">
                {path}
              </th>
              <td className="text-right text-xs text-ink-3">{formatDisk(bytes)}</td>
              <td className="w-24 pl-4 text-xs text-ink-3">{state === 'same' ? 'there already' : state}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <details className="rounded-md bg-sunken p-3">
        <summary className="text-sm text-ink">Model card</summary>
        <div className="markdown mt-3">
          <SafeMarkdown text={plan.card.replace(/^---\n[\s\S]*?\n---\n/, '')} />
        </div>
      </details>
    </section>
  )
}

function slugOf(name: string): string {
  return name
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/-{2,}/g, '-')
    .replace(/^[-.]+|[-.]+$/g, '')
}
