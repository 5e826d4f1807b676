const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * Whether doing a request twice is the same as once (RFC 9110 section 9.2.2). The contract has the last word; what it calls
 * idempotent beyond the methods needs a key by which the service knows a repetition.
 */
export function mayRepeat(
  method: string,
  options: { readonly idempotent: boolean; readonly mounted: boolean; readonly hasKey: boolean },
): boolean {
  if (SAFE.has(method)) return options.idempotent || options.mounted
  if (!options.idempotent) return false
  return method === 'PUT' || method === 'DELETE' || options.hasKey
}
