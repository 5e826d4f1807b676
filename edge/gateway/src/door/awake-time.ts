/**
 * The time in which this process could listen, for who asks about every `tickMs`: a process that stood still (a machine put to sleep, no
 * CPU to be had) finds what came meanwhile in the kernel only after it has looked at the clock, and must not take its own
 * absence for the slowness of its clients. Of a step over two ticks it counts one. `time` never goes back.
 */
export function awakeTime(tickMs: number, time: () => number): () => number {
  let last = time()
  let away = 0
  return () => {
    const now = time()
    if (now - last > 2 * tickMs) away += now - last - tickMs
    last = now
    return now - away
  }
}
