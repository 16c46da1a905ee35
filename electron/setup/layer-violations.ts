/** Holds the imports of the source against the table in layers.ts. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, posix, relative, sep } from 'node:path'
import { LAYERS, type Layer, PRIVATE, SEPARATE } from './layers.ts'

export interface Import {
  /** Importing file, from the repository root. */
  readonly from: string
  /** As written. */
  readonly target: string
}

const IMPORT = /^(?:import|export)\s(?:[^'"=();]*?\bfrom\s)?\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gm

/** All imports of the product's TypeScript files; tests may import what they like. */
export function importsUnder(root: string, folders: readonly string[]): Import[] {
  const files = folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name) && !isTestFile(entry.name, entry.parentPath))
      .map((entry) => join(entry.parentPath, entry.name)),
  )
  return files.flatMap((file) => {
    const from = relative(root, file).split(sep).join('/')
    const matches = readFileSync(file, 'utf8').matchAll(IMPORT)
    return [...matches].map((match) => ({ from, target: match[1] ?? match[2] ?? '' }))
  })
}

function isTestFile(name: string, folder: string): boolean {
  return (
    /\.(test|d)\.tsx?$/.test(name) || /testing|conformance/.test(name) || /[\\/](testing|setup)([\\/]|$)/.test(folder)
  )
}

/** One sentence for each import that the table does not allow. */
export function violationsOf(imports: readonly Import[]): string[] {
  return imports.flatMap(({ from, target }) => {
    const reason = target.startsWith('.') ? forbiddenFile(from, resolve(from, target)) : forbiddenPackage(from, target)
    return reason ? [`${from} imports ${target}: ${reason}`] : []
  })
}

function resolve(from: string, target: string): string {
  return posix.join(dirname(from).split(sep).join('/'), target)
}

function forbiddenFile(from: string, target: string): string | undefined {
  const importers = PRIVATE[target]
  if (importers && !importers.includes(from)) return `only ${importers.join(', ')} may`
  for (const folder of SEPARATE) {
    const [a, b] = [childOf(folder, from), childOf(folder, target)]
    if (a && b && a !== b) return `parts of ${folder} do not import each other`
  }
  const layer = layerOf(from)
  if (!layer) return undefined
  const own = /\.tsx?$/.test(layer.path) ? dirname(layer.path) : layer.path
  const allowed = [own, ...layer.imports]
  return allowed.some((path) => isWithin(target, path)) ? undefined : `${layer.path} may import ${allowed.join(', ')}`
}

function forbiddenPackage(from: string, target: string): string | undefined {
  const layer = layerOf(from)
  if (!layer) return undefined
  const name = target.startsWith('node:') ? 'node:' : target
  const allowed = layer.packages.some((entry) =>
    entry.endsWith('/') ? name.startsWith(entry) : name === entry || name.startsWith(`${entry}/`),
  )
  return allowed ? undefined : `${layer.path} may use ${layer.packages.join(', ') || 'no package'}`
}

function layerOf(file: string): Layer | undefined {
  const matching = LAYERS.filter((layer) => isWithin(file, layer.path))
  return matching.sort((a, b) => b.path.length - a.path.length)[0]
}

function isWithin(file: string, path: string): boolean {
  return file === path || file.startsWith(`${path}/`)
}

/** `renderer/features/chat/store.ts` in `renderer/features` is in the child `chat`. */
function childOf(folder: string, file: string): string | undefined {
  return file.startsWith(`${folder}/`) ? file.slice(folder.length + 1).split('/')[0] : undefined
}
