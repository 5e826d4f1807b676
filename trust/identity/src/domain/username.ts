/**
 * The one form under which a name is looked up and counted: NFKC, trimmed, lower-case.
 * Without it `Alice`, ` alice` and the full-width spelling would each have a throttle of their own.
 */
export function canonicalUsername(typed: string): string {
  return typed.normalize('NFKC').trim().toLowerCase().normalize('NFKC')
}
