import {
  type EndpointDescriptor,
  GATEWAY,
  isReservedName,
  type ParsedLimit,
} from '@countersign/contract'
import type { Route as KongRoute, Service as KongService } from '@countersign/kong'
import { type Narrowing, narrowedLimit } from '@countersign/policy'
import type { Route } from '../route.ts'
import type { Chain, PlannedPlugin } from './plugin-chain.ts'

/*
 * What a Kong route means here:
 *
 * - closed by default: where no plugin proves who asks and none ends every request, a token of the platform is required,
 *   unless route or service has the tag `public`
 * - limited by default: where rate-limiting does not stand on it, the limit of the house does
 * - its upstream is never a part of the platform itself: what those let the gateway ask is not for the public
 */
const PUBLIC = 'public'
/** Kong's default holds between two reads; here it is for the whole answer. */
const TIMEOUT_MS = 60_000
const TIMEOUT_MS_MAX = 630_000

/** Bounds for routes whose entities name none. */
export interface OperatorBounds {
  readonly limit: ParsedLimit
  readonly bodyBytesMax: number
  /** However much a plugin allows. */
  readonly bodyBytesMost: number
}

export interface OperatorSource {
  readonly entity: KongRoute
  readonly kongService: KongService | undefined
  /** What stands on the route, and its number. */
  readonly chain: Chain
  readonly chainAt: number | undefined
  readonly planned: readonly PlannedPlugin[]
  readonly bounds: OperatorBounds
}

/** The route of a Kong entity. */
export function operatorRoute(source: OperatorSource, narrowing: Narrowing): Route {
  const { entity, kongService, chainAt } = source
  const name = entity.name ?? entity.id
  const service = kongService?.host.toLowerCase() ?? 'none'
  const endpointName = camelCase(name)
  const endpoint = endpointOf(source, endpointName)
  const lowered = narrowing.limits.some(
    (each) => each.service === service && ['*', endpointName].includes(each.endpoint),
  )
  return {
    service,
    label: `${kongService?.name ?? service}.${endpointName}`.slice(0, 128),
    origin: `route ${name} (${entity.id})`,
    chain: chainAt,
    operator: {
      id: entity.id,
      name,
      kongService,
      rewrite: {
        base: kongService?.path ?? '/',
        strip: entity.strip_path,
        handling: entity.path_handling,
      },
      preserveHost: entity.preserve_host,
      grpc: grpcOf(entity.protocols),
      overH2: kongService?.protocol === 'grpc' || kongService?.protocol === 'grpcs',
      webSocket: webSocketOf(entity.protocols),
      limited: lowered || commonOf(source, 'rate-limiting') === undefined,
    },
    endpoint: { ...endpoint, limit: narrowedLimit(narrowing, service, endpoint) },
  }
}

function endpointOf(source: OperatorSource, name: string): EndpointDescriptor {
  const { kongService, bounds } = source
  return {
    ...{ name, method: 'ANY', path: '/*', kind: 'mount', callers: [GATEWAY], status: 200 },
    roles: isOpen(source) ? 'stranger' : 'anyone',
    limit: bounds.limit,
    audited: true,
    idempotent: false,
    timeoutMs: Math.min(kongService?.read_timeout ?? TIMEOUT_MS, TIMEOUT_MS_MAX),
    bodyBytesMax: bodyBytesMax(source),
  }
}

/** What must not be behind an operator's route; a text says why. */
export function checkService(service: KongService): string | undefined {
  if (!isReservedName(service.host.toLowerCase())) return undefined
  return `its host ${service.host} is a part of the platform, which no route may lead to`
}

/** Whether somebody may pass without a token of the platform: a plugin looks after it, or an operator has said so. */
function isOpen(source: OperatorSource): boolean {
  const { entity, kongService, chain, planned } = source
  const tags = [...(entity.tags ?? []), ...(kongService?.tags ?? [])]
  if (tags.includes(PUBLIC)) return true
  if (endsAll(commonOf(source, 'request-termination'))) return true
  return chain.some(
    ({ common }) => common !== undefined && planned[common]?.plugin.authenticates === true,
  )
}

/** `request-termination` without a `trigger` answers whatever comes. */
export function endsAll(planned: PlannedPlugin | undefined): boolean {
  return planned !== undefined && (fieldOf(planned, 'trigger') ?? null) === null
}

/** The plugin of this name that stands on the route for everybody. */
function commonOf({ chain, planned }: OperatorSource, name: string): PlannedPlugin | undefined {
  const at = chain.find((slot) => slot.name === name)?.common
  return at === undefined ? undefined : planned[at]
}

/** One field of a plugin's configuration. */
export function fieldOf({ config }: PlannedPlugin, field: string): unknown {
  return typeof config === 'object' && config !== null && Object.hasOwn(config, field)
    ? (config as Record<string, unknown>)[field]
    : undefined
}

const UNIT_BYTES: Readonly<Record<string, number>> = {
  bytes: 1,
  kilobytes: 1024,
  megabytes: 1024 * 1024,
}

/** What request-size-limiting lets pass for anybody: it looks itself at who asks. */
function bodyBytesMax({ entity, chain, planned, bounds }: OperatorSource): number {
  const slot = chain.find(({ name }) => name === 'request-size-limiting')
  // A call of gRPC may be a conversation: the bound is of all that is ever said in it.
  const usual = grpcOf(entity.protocols) === 'only' ? bounds.bodyBytesMost : bounds.bodyBytesMax
  if (slot === undefined) return usual
  let most = slot.common === undefined ? usual : 0
  for (const at of [slot.common, ...(slot.byConsumer?.values() ?? [])]) {
    const found = at === undefined ? undefined : planned[at]
    if (found === undefined) continue
    const unit = UNIT_BYTES[String(fieldOf(found, 'size_unit'))] ?? UNIT_BYTES.megabytes ?? 1
    const bytes = Number(fieldOf(found, 'allowed_payload_size')) * unit
    if (bytes > most) most = bytes
  }
  return Math.min(most, bounds.bodyBytesMost)
}

function grpcOf(protocols: readonly string[]): 'only' | 'never' | 'also' {
  const grpc = protocols.includes('grpcs') || protocols.includes('grpc')
  const plain = protocols.includes('https') || protocols.includes('http')
  return grpc ? (plain ? 'also' : 'only') : 'never'
}

/** Kong lets it pass on every route for HTTP; here only where the route says so, over TLS as all that comes in here. */
function webSocketOf(protocols: readonly string[]): 'only' | 'never' | 'also' {
  if (!protocols.includes('wss')) return 'never'
  return protocols.includes('https') ? 'also' : 'only'
}

/** As contracts call their endpoints: an operator's policy file can name it. */
function camelCase(name: string): string {
  return name.replaceAll(/[^A-Za-z0-9]+([A-Za-z0-9]?)/g, (_whole, next: string) =>
    next.toUpperCase(),
  )
}
