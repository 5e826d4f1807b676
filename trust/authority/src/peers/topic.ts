/** One subject that authorities tell each other of. What is said is the whole of what is known, and hearing it twice does no harm. */
export interface SyncTopic {
  readonly name: string
  /** All that is to be known, as JSON. */
  say(): unknown
  /** Checks and merges what another said. Rejects where it makes no sense; then nothing of it was taken in. */
  hear(said: unknown, from: string): Promise<void>
  /** Called when there is something new to say. Returns the way to stop listening. */
  onChange(listener: () => void): () => void
}
