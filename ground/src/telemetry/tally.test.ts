import { expect, it } from 'vitest'
import { Metrics } from './metrics.ts'
import { Tally } from './tally.ts'

it('is printed as a counter, each label set once, beside the labels of the workload', async () => {
  const metrics = new Metrics({ node: 'a' })
  const tally = new Tally(metrics.registry, { name: 'cs_test_total', help: 'What was tested' })
  tally.series({ code: '200' }).value++
  tally.series({ code: '404' }).value += 2
  tally.series({ code: '200' }).value++
  expect(await metrics.text()).toBe(
    [
      '# HELP cs_test_total What was tested',
      '# TYPE cs_test_total counter',
      'cs_test_total{code="200",node="a"} 2',
      'cs_test_total{code="404",node="a"} 2',
      '',
    ].join('\n'),
  )
})
