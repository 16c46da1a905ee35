/**
 * The patterns of rules: globs on whole module names. `*` stands for any run of characters, dots included, `?` for one
 * character, `{a,b}` for alternatives (which may hold `*` and `?`, but no braces). Everything else stands for itself.
 */
import { AppError } from '../contract/errors.ts'

export type Matcher = (name: string) => boolean

/** Parameter names (`….weight`) are accepted for module names, because that is how tensors are listed elsewhere. */
const PARAMETER_SUFFIX = '.weight'

/** Throws `bad-input` when braces do not pair up. */
export function compileGlob(pattern: string): Matcher {
  const source = globSource(pattern)
  const expression = new RegExp(`^(?:${source})$`)
  return (name) => expression.test(name) || expression.test(name + PARAMETER_SUFFIX)
}

/** A pattern that matches exactly this name. Module names hold none of the special characters of globs. */
export function globOfNames(prefix: string, middles: readonly string[], suffix: string): string {
  const middle = middles.length === 1 ? middles[0] : `{${middles.join(',')}}`
  return `${prefix}${middle}${suffix}`
}

function globSource(pattern: string): string {
  let source = ''
  let inBraces = false
  for (const char of pattern) {
    if (char === '*') source += '.*'
    else if (char === '?') source += '.'
    else if (char === '{') {
      if (inBraces) throw new AppError('bad-input', `The pattern "${pattern}" has braces inside braces.`)
      inBraces = true
      source += '(?:'
    } else if (char === '}') {
      if (!inBraces) throw new AppError('bad-input', `The pattern "${pattern}" closes a brace that was not opened.`)
      inBraces = false
      source += ')'
    } else if (char === ',' && inBraces) source += '|'
    else source += char.replace(/[\\^$.|+()[\]]/, '\\$&')
  }
  if (inBraces) throw new AppError('bad-input', `The pattern "${pattern}" opens a brace that is not closed.`)
  return source
}
