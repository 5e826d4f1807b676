import type { IncomingMessage } from 'node:http'
import { describe, expect, it } from 'vitest'
import { JOIN_FAILURES_PER_ADDRESS } from '../limits.ts'
import { Admission } from './admission.ts'
import type { JoinDoorOptions } from './join-door.ts'

describe('who brings no good token', () => {
  const codesOf = async (addressOf: (i: number) => string): Promise<string[]> => {
    const shed: string[] = []
    const events = { shed: (code: string) => shed.push(code) }
    const admission = new Admission({ events } as unknown as JoinDoorOptions)
    const request = { url: '/somewhere' } as IncomingMessage
    for (let i = 0; i < JOIN_FAILURES_PER_ADDRESS.burst + 50; i++)
      await admission.enter(request, { requestId: 'r', address: addressOf(i) }).catch(() => {})
    return shed
  }

  it('is one, whichever address of his /64 he takes', async () => {
    const codes = await codesOf((i) => `2001:db8:1:2::${i.toString(16)}`)
    expect(codes.filter((code) => code === 'RATE_LIMITED').length).toBeGreaterThan(40)
  })

  it('is many where he comes from many', async () => {
    const codes = await codesOf((i) => `2001:db8:${i.toString(16)}:2::1`)
    expect(codes).not.toContain('RATE_LIMITED')
  })
})
