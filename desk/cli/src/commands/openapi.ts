import { operations } from '@countersign/contract/platform'
import type { Desk } from '../desk.ts'
import { DeskError } from '../errors.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { withDeskLink } from '../mesh/desk-link.ts'

/** `countersign openapi <service>`: the OpenAPI 3.1 page that follows from the contract which the service answers now. */
export async function openapi(desk: Desk, name: string): Promise<ExitCode> {
  const page = await withDeskLink(desk, async (link) => {
    const instances = link.resolver.instances(name)
    await instances.first
    const [one] = instances.current()
    instances.close()
    if (one === undefined) throw new DeskError('FAILED', `no instance of ${name} runs`)
    const { Address: host, Port: port } = one.Service
    return link.callAt(operations, { name, host, port }).openapi()
  })
  desk.output.json(JSON.parse(String(page.body)))
  return EXIT.ok
}
