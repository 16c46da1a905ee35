import type { Tower, VisionSummary } from '../../../electron/contract/vision.ts'
import { formatParameters } from '../../ui/format.ts'
import { Section } from '../../ui/page.tsx'

const NAMES: Record<Tower, string> = {
  vision: 'Vision tower',
  text: 'Text tower',
  projector: 'Projector',
  language: 'Language model',
}

/** The parts of a model that sees, each with its size and the type of its weights. */
export function Towers({ vision }: { vision: VisionSummary }) {
  const { imageSize, patchSize, pictureTokens, towers } = vision
  return (
    <Section
      title="Towers"
      description={`Pictures of ${imageSize} × ${imageSize} pixels in patches of ${patchSize}${
        pictureTokens === null ? '' : `, ${pictureTokens} tokens each in a prompt`
      }`}
    >
      <table className="w-full max-w-2xl text-sm">
        <thead>
          <tr className="text-left text-xs text-ink-3">
            <th scope="col" className="py-1 font-medium">
              Tower
            </th>
            <th scope="col" className="py-1 pr-4 text-right font-medium">
              Blocks
            </th>
            <th scope="col" className="py-1 pr-4 text-right font-medium">
              Width
            </th>
            <th scope="col" className="py-1 pr-4 text-right font-medium">
              Parameters
            </th>
            <th scope="col" className="py-1 font-medium">
              Weights
            </th>
          </tr>
        </thead>
        <tbody>
          {towers.map(({ id, layers, hiddenSize, parameters, dtype }) => (
            <tr key={id} className="border-t border-line/60">
              <th scope="row" className="py-1 text-left font-normal text-ink">
                {NAMES[id]}
              </th>
              <td className="py-1 pr-4 text-right">{layers}</td>
              <td className="py-1 pr-4 text-right">{hiddenSize}</td>
              <td className="py-1 pr-4 text-right">{formatParameters(parameters)}</td>
              <td className="py-1 text-ink-2">{dtype}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Section>
  )
}
