/** Keeps two set-ups of one checkout from building into the same folders at the same time. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { BUILD } from './paths.mjs'
import { say } from './say.mjs'

const LOCK = join(BUILD, 'lock')

/** Runs `body` alone among the processes that use this checkout; a lock left by a dead process is taken over. */
export async function withBuildLock(body) {
  mkdirSync(BUILD, { recursive: true })
  for (let told = false; !acquire(); told = true) {
    if (!told) say('waiting for another set-up of this checkout to finish')
    await sleep(300)
  }
  try {
    return await body()
  } finally {
    rmSync(LOCK, { force: true })
  }
}

function acquire() {
  try {
    writeFileSync(LOCK, String(process.pid), { flag: 'wx' })
    return true
  } catch (error) {
    if (error.code !== 'EEXIST') throw error
    if (!ownerIsAlive()) rmSync(LOCK, { force: true })
    return false
  }
}

function ownerIsAlive() {
  try {
    process.kill(Number(readFileSync(LOCK, 'utf8')), 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}
