import type { Output } from './output.ts'

/** Tells how a start goes on: one line that changes at a terminal, plain lines elsewhere. */
export interface Progress {
  step(text: string): void
  /** Takes the changing line away, so that others can write. */
  clear(): void
}

const FRAMES = ['◒', '◐', '◓', '◑'] as const
const FRAME_MS = 120

export function createProgress(output: Output): Progress {
  if (!output.interactive) return { step: output.note, clear: () => undefined }
  const startedAt = performance.now()
  let text = ''
  let frame = 0
  const draw = (): void => {
    if (text === '') return
    frame = (frame + 1) % FRAMES.length
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
    process.stderr.write(
      `\r\u001b[2K${FRAMES[frame]}  ${text} ${output.colours.dim(`${seconds} s`)}`,
    )
  }
  const timer = setInterval(draw, FRAME_MS)
  timer.unref()
  return {
    step: (next) => {
      text = next
      draw()
    },
    clear: () => {
      if (text !== '') process.stderr.write('\r\u001b[2K')
      text = ''
    },
  }
}
