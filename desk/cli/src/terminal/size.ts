/** A number of bytes for people, as in `3.4 MB`. */
export function size(bytes: number): string {
  if (bytes < 1_000) return `${bytes} bytes`
  if (bytes < 1_000_000) return `${(bytes / 1_000).toFixed(0)} kB`
  return `${(bytes / 1_000_000).toFixed(1)} MB`
}
