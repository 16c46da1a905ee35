import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { FAMILIES, familyOf } from './families.ts'

describe('model families', () => {
  it('are those of the engine', () => {
    const folder = join(import.meta.dirname, '../../native/model/families')
    const tables = readdirSync(folder).filter((name) => name.endsWith('.cpp'))
    const native = tables.flatMap((name) => {
      const text = readFileSync(join(folder, name), 'utf8')
      return [...text.matchAll(/\.architecture = "(\w+)"/g)].map(([, architecture]) => architecture)
    })
    expect(FAMILIES.map(({ architecture }) => architecture).sort()).toEqual(native.sort())
  })

  it('are found by the name in config.json', () => {
    expect(familyOf('Gemma2ForCausalLM')?.interval).toBe(2)
    expect(familyOf('FalconForCausalLM')).toBeNull()
  })
})
