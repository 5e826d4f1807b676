import type { ContractDescriptor, EndpointDescriptor } from './descriptor.ts'
import { limitText } from './limit.ts'

/** The role-by-endpoint matrix as text: one line an endpoint, one column a role, the calling workloads at the end. */
export function matrix(contracts: readonly ContractDescriptor[], roles: readonly string[]): string {
  const head = ['endpoint', ...roles, 'callers', 'limit']
  const rows = contracts.flatMap((contract) =>
    contract.endpoints.map((e) => [
      `${contract.service}.${e.name}  ${e.method} ${e.path}`,
      ...roles.map((role) => mark(e, role)),
      e.callers.join(' '),
      `${limitText(e.limit)} per ${e.limit.scope}`,
    ]),
  )
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  )
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd()
  return `${[head, ...rows].map(line).join('\n')}\n`
}

function mark(e: EndpointDescriptor, role: string): string {
  if (e.roles === 'stranger') return 'open'
  return e.roles === 'anyone' || e.roles.includes(role) ? 'yes' : '-'
}
