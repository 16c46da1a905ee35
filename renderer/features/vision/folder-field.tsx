/** The folder of pictures and where its labels are. */
import { FileText, FolderOpen } from 'lucide-react'
import { usePathPicker } from '../../client/path-picker.tsx'
import { useQuery } from '../../client/use-query.ts'
import { Button } from '../../ui/button.tsx'
import { Segmented } from '../../ui/segmented.tsx'
import type { Folder, VisionStore } from './store.ts'
import { useVision } from './use-vision-store.ts'

export interface FolderFieldProps {
  store: VisionStore
  /** What the labels are for; null: they are not needed. */
  labelled: 'labels' | 'questions' | null
}

export function FolderField({ store, labelled }: FolderFieldProps) {
  const folder = useVision(store, (state) => state.folder)
  const picker = usePathPicker()

  async function chooseFolder(): Promise<void> {
    const dir = await picker.pick({ pick: 'folder', title: 'Choose a folder of pictures' })
    if (dir !== null) store.setFolder({ dir, labels: null })
  }

  async function chooseLabels(dir: string): Promise<void> {
    const labels = await picker.pick({
      pick: 'file',
      title: labelled === 'questions' ? 'Choose the file of questions' : 'Choose the file of labels',
      description:
        labelled === 'questions'
          ? 'CSV with the columns file,question,answer, or JSON.'
          : 'CSV with the columns file,label, or JSON.',
    })
    if (labels !== null) store.setFolder({ dir, labels })
  }

  return (
    <div className="flex flex-col gap-2">
      <div className="flex min-w-0 flex-wrap items-center gap-x-3 gap-y-2">
        <Button onClick={() => void chooseFolder()}>
          <FolderOpen aria-hidden />
          Choose a folder
        </Button>
        {folder && (
          <>
            {labelled === 'labels' && (
              <Segmented
                aria-label="Labels from"
                value={folder.labels === null ? 'folders' : 'file'}
                onChange={(from) => {
                  if (from === 'file') void chooseLabels(folder.dir)
                  else store.setFolder({ dir: folder.dir, labels: null })
                }}
                options={[
                  { value: 'folders', label: 'Subfolders are labels' },
                  { value: 'file', label: 'Labels from a file …' },
                ]}
              />
            )}
            {labelled === 'questions' && (
              <Button onClick={() => void chooseLabels(folder.dir)}>
                <FileText aria-hidden />
                Choose the questions
              </Button>
            )}
            <span className="min-w-0 truncate font-mono text-xs text-ink-3">
              {labelled === null ? folder.dir : (folder.labels ?? folder.dir)}
            </span>
          </>
        )}
      </div>
      {folder && <Listing folder={folder} labelled={labelled} />}
      {picker.element}
    </div>
  )
}

function Listing({ folder, labelled }: { folder: Folder; labelled: FolderFieldProps['labelled'] }) {
  const { data, error } = useQuery('images.list', folder)
  if (error)
    return (
      <p role="alert" className="text-sm text-danger-text">
        {error.message}
      </p>
    )
  if (!data) return <p className="text-sm text-ink-3">Looking through the folder</p>
  const known = data.images.filter(({ label }) => label !== null).length
  const pictures = `${data.images.length} ${data.images.length === 1 ? 'picture' : 'pictures'}`
  return (
    <p className="text-sm text-ink-3">
      {labelled === 'labels'
        ? `${pictures}, ${known} of them with one of ${data.labels.length} labels.`
        : `${pictures}.`}
    </p>
  )
}
