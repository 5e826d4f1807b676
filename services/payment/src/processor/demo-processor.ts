import { decideDemoCapture } from '../domain/decide-demo-capture.ts'
import type { Processor } from './processor.ts'

/**
 * The acquirer of the demo: no money moves. What it answers follows from the card alone, so it keeps the
 * promises of a `Processor` without remembering anything. A real one takes its place here.
 */
export function createDemoProcessor(now: () => number): Processor {
  return {
    name: 'demo acquirer (no money moves)',
    capture: async ({ card }) => decideDemoCapture(card, now()),
    async refund() {},
  }
}
