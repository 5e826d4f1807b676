import { bundledPlugins } from '@countersign/plugins'
import { expect, it } from 'vitest'
import { kongConsumer, kongPlugin, kongRoute, kongService } from '../../testing/kong-entities.ts'
import { PluginIndex } from './plugin-chain.ts'

const service = kongService('legacy')
const route = kongRoute(service)
const [ann, bob, cat] = [kongConsumer('ann'), kongConsumer('bob'), kongConsumer('cat')]
const at = { route: route.id, service: service.id }

/** Which of these entities runs for nobody in particular, and for each consumer that has one of its own. */
function chosen(places: readonly object[]) {
  const planned = places.flatMap((place) => {
    const entity = kongPlugin('rate-limiting', place, { second: 5 })
    const plugin = bundledPlugins.find(({ name }) => name === entity.name)
    return plugin === undefined ? [] : [{ entity, plugin, config: entity.config }]
  })
  const [slot] = new PluginIndex(planned).chainAt(at, () => true)
  return { common: slot?.common, own: Object.fromEntries(slot?.byConsumer ?? []) }
}

it('counts what is more specific, whatever comes first in the list', () => {
  const places = [
    {},
    { service },
    { route },
    { route, service },
    ...[{ consumer: ann }, { consumer: ann, service }, { consumer: ann, route }],
    { consumer: ann, route, service },
  ]
  for (let i = 1; i <= places.length; i++) {
    const some = places.slice(0, i)
    const common = Math.min(i, 4) - 1
    // A consumer's entity without a place gives way to the one of route and service together.
    const own = i < 6 ? {} : { [ann.id]: i - 1 }
    expect(chosen(some), `the first ${i}`).toEqual({ common, own })
    const last = i - 1
    const turned = (place: number): number => last - place
    expect(chosen([...some].reverse()), `turned round ${i}`).toEqual({
      common: turned(common),
      own: i < 6 ? {} : { [ann.id]: turned(i - 1) },
    })
  }
})

it('tells consumers apart, and those of other places are nobody here', () => {
  const other = kongService('other')
  expect(chosen([{ consumer: bob }, { consumer: ann }, { consumer: cat, service: other }])).toEqual(
    {
      common: undefined,
      own: { [bob.id]: 0, [ann.id]: 1 },
    },
  )
})
