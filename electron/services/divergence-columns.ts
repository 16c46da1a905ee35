/** What the engine says about each token of a text, gathered from its events. */
import type { EngineContract } from '../contract/engine.ts'
import type { EventOf } from '../contract/method.ts'
import type { DivergenceColumns } from '../plan/divergence.ts'

/** `position` is the index in the text of the token that a row is about; nll is -ln of a probability. */
export interface Divergence extends DivergenceColumns {
  position: readonly number[]
  referenceTopNll: readonly number[]
  topNll: readonly number[]
}

export type DivergenceEvent = EventOf<EngineContract['model.divergence']>
type TokensEvent = Extract<DivergenceEvent, { type: 'tokens' }>

/** `begin` is the index in the text of the first id that the engine saw. */
export function divergenceOf(pieces: readonly { begin: number; event: TokensEvent }[]): Divergence {
  const column = (name: Exclude<keyof TokensEvent, 'type' | 'position'>) => pieces.flatMap(({ event }) => event[name])
  return {
    position: pieces.flatMap(({ begin, event }) => event.kl.map((_, row) => begin + event.position + row)),
    kl: column('kl'),
    referenceNll: column('referenceNll'),
    nll: column('nll'),
    referenceTop: column('referenceTop'),
    top: column('top'),
    referenceTopNll: column('referenceTopNll'),
    topNll: column('topNll'),
  }
}
