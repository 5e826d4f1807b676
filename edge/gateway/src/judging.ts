import type { ContractDescriptor } from '@countersign/contract'
import { type KongConfig, loadPlugins } from '@countersign/kong'
import { bundledPlugins } from '@countersign/plugins'
import type { Narrowing } from '@countersign/policy'
import { compile } from './domain/operator/compile.ts'
import { type Judgement, judge, type Recorded } from './domain/operator/judge.ts'
import { OPERATOR_BOUNDS } from './limits.ts'

export interface JudgeOptions {
  /** What services have published. */
  readonly contracts: readonly ContractDescriptor[]
  /** What the operator's policy file closes. */
  readonly narrowing: Narrowing
  /** Files of the operator's own plugins. */
  readonly pluginFiles: readonly string[]
}
/** A configuration as gateways would serve it; `faults`: why they would not. */
export type Judge =
  | { readonly ok: true; readonly judge: (request: Recorded) => Judgement }
  | { readonly ok: false; readonly faults: readonly string[] }

/**
 * Makes judges of configurations that the control plane has checked, outside of a running gateway and with nothing in
 * effect; their secrets can be hidden. Throws `ConfigError` where a
 * plugin cannot be loaded.
 */
export async function createJudges(options: JudgeOptions): Promise<(config: KongConfig) => Judge> {
  const { contracts, narrowing, pluginFiles } = options
  const plugins = [...bundledPlugins, ...(await loadPlugins(pluginFiles, bundledPlugins))]
  return (config) => {
    const using = { plugins, bounds: OPERATOR_BOUNDS, narrowing, checked: true } as const
    const result = compile(config, contracts, using)
    if (!result.ok) return result
    return { ok: true, judge: (request) => judge(result.compiled, request, narrowing) }
  }
}
