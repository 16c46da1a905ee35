import { describe, expect, it } from 'vitest'
import { AppError } from '../../contract/errors.ts'
import { planDisk } from './disk-plan.ts'

/** A model of 70 billion parameters at 16 bits: 30 files, 141 GB. */
const SEVENTY = {
  outputBytes: 30e9,
  fileBytes: Array.from({ length: 30 }, () => 4.7e9),
  floorBytes: 2e9,
  presentBytes: 0,
  where: '/models',
}

describe('the disk of a model that is quantized while it arrives', () => {
  it('takes 70 billion parameters with 40 GB free, one file at a time', () => {
    const plan = planDisk({ ...SEVENTY, freeBytes: 40e9 })
    expect(plan).toMatchObject({ filesAtOnce: 1, stagedBytes: 4.7e9 })
    expect(plan.neededBytes).toBeLessThan(35e9)
  })

  it('keeps two files on the way where there is room', () => {
    expect(planDisk({ ...SEVENTY, freeBytes: 100e9 })).toMatchObject({ filesAtOnce: 2, stagedBytes: 9.4e9 })
  })

  it('counts what an earlier run left as part of what is needed', () => {
    expect(planDisk({ ...SEVENTY, freeBytes: 10e9, presentBytes: 28e9 })).toMatchObject({ filesAtOnce: 1 })
  })

  it('says all numbers when it is too little', () => {
    const attempt = () => planDisk({ ...SEVENTY, freeBytes: 30e9 })
    expect(attempt).toThrow(AppError)
    expect(attempt).toThrow(/34\.8\sGB are needed: 30\.0\sGB for .* 4\.70\sGB .* 30\.0\sGB free, of which 2\.00\sGB/)
  })
})
