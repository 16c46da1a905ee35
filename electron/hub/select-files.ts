/** What of a repository this app reads. Many hold the same weights several times, for other programs. */

/** Everything about text, configuration, licences and cards. */
const SMALL =
  /^(?:[\w.-]+\.(?:json|txt|md|model|jinja|tiktoken)|licen[cs]e[\w.-]*|notice[\w.-]*|use_policy[\w.-]*|qmodel\.pt)$/i
/** The same weights again in the authors' own layout. */
const OTHER_WEIGHTS = /^(consolidated|original|onnx|openvino|coreml|tf_|flax_|pytorch_)/i

/** True for files of the top folder that are read here; without safetensors the GGUF or PyTorch files are left to an explicit wish. */
export function isNeeded(path: string): boolean {
  if (path.includes('/') || OTHER_WEIGHTS.test(path)) return false
  return path.endsWith('.safetensors') || SMALL.test(path)
}
