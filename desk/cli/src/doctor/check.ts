/** What the doctor found in one place, and what to do about it where it is not well. */
export interface Finding {
  readonly name: string
  readonly health: 'ok' | 'attention' | 'broken'
  readonly found: string
  readonly remedy?: string
}
