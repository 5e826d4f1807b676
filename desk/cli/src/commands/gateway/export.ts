import type { Desk } from '../../desk.ts'
import { DeskError } from '../../errors.ts'
import { EXIT, type ExitCode } from '../../exit-codes.ts'
import { withControl } from '../../kong/with-control.ts'

/** `countersign gateway export`: standard output holds the declarative text and nothing else. */
export async function exportConfig(
  desk: Desk,
  options: { format: string; secrets: string; as: string },
): Promise<ExitCode> {
  if (options.format !== '3.0')
    throw new DeskError(
      'USAGE',
      `--format is 3.0, which every Kong from 3.0 on reads, not ${JSON.stringify(options.format)}`,
    )
  const { secrets } = options
  if (secrets !== 'sealed' && secrets !== 'plain')
    throw new DeskError(
      'USAGE',
      `--secrets is sealed or plain, not ${JSON.stringify(options.secrets)}`,
    )
  const { config, version } = await withControl(desk, options.as, (control) =>
    control.exportConfig({ body: { secrets } }),
  )
  desk.output.line(config.trimEnd())
  desk.output.note(
    secrets === 'plain'
      ? `version ${version}; keys and secrets are in it in the clear: keep it like them`
      : `version ${version}; secrets in it are sealed and mean something to this platform alone`,
  )
  return EXIT.ok
}
