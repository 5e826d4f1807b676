import { BlockList, isIPv4, isIPv6 } from 'node:net'
import { plainAddress } from '@countersign/ground/http1'
import type { Plugin } from '@countersign/kong'
import { Refusal } from '@countersign/layers'
import { z } from 'zod'
import { LIST_ENTRIES_MAX } from './limits.ts'
import { optional } from './schema.ts'
import { firstSet, isEmpty, optionalText } from './support/config.ts'

/*
 * Who may come by where they come from (https://developer.konghq.com/plugins/ip-restriction/):
 *
 * - `deny` goes before `allow`; with `allow`, whoever is not on it is refused
 * - an IPv4 address in IPv6 clothes is itself, in the configuration as on the wire
 * - an address that cannot be read is refused
 */

const range = z
  .string()
  .max(64)
  .refine((text) => parseRange(text) !== undefined, {
    error: ({ input }) => `invalid ip or cidr range: '${String(input)}'`,
  })
const ranges = optional(z.array(range).max(LIST_ENTRIES_MAX))

const schema = z
  .strictObject({
    allow: ranges,
    deny: ranges,
    status: optional(z.int().min(400).max(599)),
    message: optionalText,
    /** Deprecated names. */
    whitelist: ranges,
    blacklist: ranges,
  })
  .transform(({ whitelist, blacklist, ...config }) => ({
    ...config,
    allow: firstSet(config.allow, whitelist),
    deny: firstSet(config.deny, blacklist),
  }))
  .refine(({ allow, deny }) => !(isEmpty(allow) && isEmpty(deny)), {
    error: "at least one of these fields must be non-empty: 'config.allow', 'config.deny'",
  })
type Config = z.output<typeof schema>

export const ipRestriction: Plugin<Config> = {
  name: 'ip-restriction',
  priority: 990,
  schema,
  create(config) {
    const deny = compile(config.deny)
    const allow = compile(config.allow)
    return {
      access(asked) {
        const address = plainAddress(asked.client.address)
        const family = isIPv4(address) ? 'ipv4' : isIPv6(address) ? 'ipv6' : undefined
        if (family === undefined) throw refuse(config, address, 'cannot be read')
        if (deny?.check(address, family) === true) throw refuse(config, address, 'is denied')
        if (allow?.check(address, family) === false) throw refuse(config, address, 'is not allowed')
      },
    }
  },
}

function refuse({ status, message }: Config, address: string, why: string): Refusal {
  const text = message ?? `IP address not allowed: ${address}`
  return new Refusal('OPERATOR_DENIED', {
    ...{ detail: text, message: text, rule: `ip-restriction: the address ${why}` },
    remedy: "come from an address that the operator allows, or change the plugin's lists",
    ...(status === null ? {} : { status }),
  })
}

function compile(list: readonly string[] | null): BlockList | undefined {
  if (list === null || list.length === 0) return undefined
  const compiled = new BlockList()
  for (const text of list) {
    const parsed = parseRange(text)
    if (parsed !== undefined) compiled.addSubnet(parsed.base, parsed.bits, parsed.family)
  }
  return compiled
}

interface Range {
  readonly base: string
  readonly bits: number
  readonly family: 'ipv4' | 'ipv6'
}

/** An address, or one with a length of its prefix after a slash. */
function parseRange(text: string): Range | undefined {
  const [address = '', length, ...more] = text.split('/')
  const mapped = isIPv6(address) && isIPv4(plainAddress(address))
  const full = isIPv4(address) ? 32 : isIPv6(address) ? 128 : undefined
  if (full === undefined || more.length > 0 || address.includes('%')) return undefined
  if (length !== undefined && !/^(?:0|[1-9][0-9]{0,2})$/.test(length)) return undefined
  const bits = length === undefined ? full : Number(length)
  if (!(bits <= full)) return undefined
  if (!mapped) return { base: address, bits, family: full === 32 ? 'ipv4' : 'ipv6' }
  // Shorter prefixes than that of the mapped addresses hold more than IPv4.
  if (bits >= 96) return { base: plainAddress(address), bits: bits - 96, family: 'ipv4' }
  return { base: address, bits, family: 'ipv6' }
}
