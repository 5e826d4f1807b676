import {
  contract,
  type ContractDescriptor,
  describe as describeContract,
  endpoint,
} from '@countersign/contract'
import type { Registration } from '@countersign/contract/platform'
import { isRefused, type Refused } from '../errors.ts'
import { TICK_MS } from '../limits.ts'
import { type AllowAddress, allowAddresses } from './check-address.ts'
import { heartbeat } from './heartbeat.ts'
import { probed, type ProbeResult } from './probed.ts'
import { publish } from './publish.ts'
import { register } from './register.ts'
import { emptyState, keyOf, type Outcome, type RegistryState } from './state.ts'
import { tick } from './tick.ts'
import { healthOf } from './view.ts'

const allow = allowAddresses([]) as AllowAddress
const registration = (id: string, more: Partial<Registration> = {}): Registration => ({
  ID: id,
  Name: id.split('-')[0] ?? '',
  Address: '127.0.0.1',
  Port: 4000 + Number(id.split('-')[1] ?? 0),
  Check: { TTL: '10s' },
  ...more,
})

/** Plays inputs one after the other, and keeps what came of them. */
export class Play {
  state: RegistryState = emptyState(0)
  now = 0
  effects: Outcome['effects'] = []
  refused: Refused | undefined

  do(rule: (state: RegistryState, now: number) => Outcome | Refused): this {
    const outcome = rule(this.state, this.now)
    this.refused = isRefused(outcome) ? outcome : undefined
    this.effects = isRefused(outcome) ? [] : outcome.effects
    if (!isRefused(outcome)) this.state = outcome.state
    return this
  }
  register(id: string, more: Partial<Registration> = {}, caller = id.split('-')[0] ?? ''): this {
    const ask = { caller, registration: registration(id, more), allow }
    return this.do((state, now) => register(state, ask, now))
  }
  probe(id: string, found: ProbeResult['found']): this {
    const key = keyOf(id.split('-')[0] ?? '', id)
    const generation = this.state.instances.get(key)?.generation ?? 0
    const result = { found, output: found }
    return this.do((state, now) => probed(state, { key, generation, result }, now))
  }
  beat(id: string, caller = id.split('-')[0] ?? ''): this {
    return this.do((state, now) => heartbeat(state, { caller, id }, now))
  }
  /** Lets time go by in ticks. */
  wait(ms: number, beating: readonly string[] = []): this {
    for (const end = this.now + ms; this.now < end; ) {
      this.now += TICK_MS
      for (const id of beating) this.beat(id)
      this.do(tick)
    }
    return this
  }
  publish(descriptor: unknown, caller: string, name = caller): this {
    return this.do((state) => publish(state, { caller, name, value: descriptor }))
  }
  passing(name: string): string[] {
    return healthOf(this.state, name, true).map((entry) => entry.Service.ID)
  }
  get kinds(): string[] {
    return this.effects.map((effect) => effect.kind)
  }
}

/** A contract of a service that anybody may call at these paths. */
export const opened = (service: string, ...paths: string[]): ContractDescriptor =>
  describeContract(
    contract(
      service,
      Object.fromEntries(
        paths.map((path, i) => [
          `e${i}`,
          endpoint({
            at: `GET ${path}` as '/',
            callers: ['gateway'],
            roles: 'anyone',
            limit: '5/second per person',
          } as never),
        ]),
      ),
    ) as never,
  )
