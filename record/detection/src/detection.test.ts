import { auditEventSchema } from '@countersign/contract/platform'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createDetection } from './detection.ts'
import { allRules } from './index.ts'
import { SUPPRESS_MS } from './limits.ts'
import { failedLogin, testEvent } from './testing/event.ts'

describe('detection', () => {
  test('one cause is one alert in a while; the next one tells how many were held back', () => {
    const detection = createDetection({ rules: allRules() })
    const alerts = Array.from({ length: 100 }, (_, i) =>
      detection.observe(failedLogin(i, 'ann', `10.0.${i}.1`), i),
    ).flat()
    expect(alerts).toHaveLength(1)
    expect(alerts[0]).toMatchObject({
      action: 'detection.alert',
      event: { kind: 'alert', reason: '10 or more failed logins for ann within 5 minutes' },
      rule: { id: 'identity.failed-logins', name: 'repeated failed logins' },
      user: { name: 'ann' },
      http: { request: { id: 'request-9' } },
    })
    const later = Array.from({ length: 20 }, (_, i) => {
      const at = SUPPRESS_MS + 100 + i
      return detection.observe(failedLogin(at, 'ann', '10.9.9.9'), at)
    }).flat()
    expect(later.map(({ countersign }) => countersign?.repeated)).toEqual([91])
  })
  test('an alert is no cause of another', () => {
    const detection = createDetection({ rules: allRules({ learningMs: 0 }) })
    const alert = testEvent(0, {
      event: { kind: 'alert', category: ['api'], type: ['info'] },
      client: { workload: 'spiffe://test.local/service/new' },
    })
    expect(detection.observe(alert, 10)).toEqual([])
  })
  test('what was learned goes through JSON; nonsense is as good as nothing', () => {
    const rules = allRules({ learningMs: 100 })
    const call = testEvent(0, { client: { workload: 'spiffe://test.local/service/user' } })
    const first = createDetection({ rules })
    first.observe(call, 0)
    const state = JSON.parse(JSON.stringify(first.save()))
    expect(createDetection({ rules, state }).observe(call, 500)).toEqual([])
    const empty = createDetection({ rules, state: { 'mesh.new-edge': 'x' } })
    expect(empty.observe(call, 500)).toEqual([])
    expect(createDetection({ rules, state: [1] }).save()).toEqual({})
  })
  test('every alert is an event that the log takes', () => {
    const text = fc.string({ maxLength: 1_024 })
    const some = fc.record({
      userId: fc.option(text),
      name: text,
      ip: text,
      workload: text,
      hop: text,
    })
    fc.assert(
      fc.property(fc.array(some, { maxLength: 20 }), (people) => {
        const detection = createDetection({ rules: allRules({ learningMs: 0 }) })
        for (const [i, { userId, name, ip, workload, hop }] of people.entries()) {
          const event = {
            ...failedLogin(i, name, ip),
            userId,
            client: { ip, workload },
            countersign: { repeated: 1_000, downstream: [{ hop: hop.slice(0, 512) }] },
          }
          for (const alert of detection.observe(event, i)) {
            const { id, timestamp, serviceName } = event
            const whole = { ...alert, id, timestamp, serviceName }
            expect(auditEventSchema.safeParse(whole).error).toBeUndefined()
          }
        }
      }),
      { numRuns: 200 },
    )
  })
})
