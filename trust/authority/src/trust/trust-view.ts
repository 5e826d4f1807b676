import type { KeyObject } from 'node:crypto'
import type { RevocationWord, TrustState } from '@countersign/contract/platform'
import type { Log } from '@countersign/ground/telemetry'
import type { Store } from '../store/store.ts'

/** What is believed at this time. Answers from memory; the state is a reading: intermediates follow their roots. */
export interface TrustView {
  state(): TrustState
  /** PEM of every root to trust. */
  bundle(): string
  /** Of the bundle. Goes up with each change of the roots. */
  sequence(): number
  /** Names all that workloads are told; the same at every authority that knows the same. */
  revision(): string
  onChange(listener: () => void): () => void
}
export interface Lifetimes {
  readonly rootMs: number
  readonly intermediateMs: number
  readonly leafMs: number
}
export interface TrustOptions {
  readonly folder: string
  readonly instance: string
  readonly trustDomain: string
  readonly masterKey: KeyObject
  readonly store: Store
  readonly log: Log
  readonly lifetimes: Lifetimes
  /** `auto`: what ends is replaced in time, and at once where nothing else helps. */
  readonly rotation: 'auto' | 'manual'
  readonly now?: () => number
}
/** What was taken back, as far as the word to workloads holds it. */
export interface Words {
  words(): readonly RevocationWord[]
  onChange(listener: () => void): () => void
}
