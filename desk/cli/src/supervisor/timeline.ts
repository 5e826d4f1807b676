/** What happened when, in milliseconds since the start: shows where a slow start lost its time. */
export class Timeline {
  readonly #startedAt = performance.now()
  readonly #marks: { readonly at: string; readonly ms: number }[] = []

  mark(at: string): void {
    this.#marks.push({ at, ms: Math.round(performance.now() - this.#startedAt) })
  }
  get marks(): readonly { readonly at: string; readonly ms: number }[] {
    return this.#marks
  }
  get elapsedMs(): number {
    return performance.now() - this.#startedAt
  }
}
