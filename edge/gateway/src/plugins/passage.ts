import type { FlatHeaders, PluginRecord } from '@countersign/kong'

/** What has passed through an exchange, for plugins that are told afterwards. */
export class Passage {
  source: PluginRecord['source'] = 'gateway'
  /** Bytes of bodies. */
  requestBytes = 0
  answerBytes = 0
  answerHeaders: FlatHeaders = NOTHING
  tries: PluginRecord['tries'] = NOTHING
}
const NOTHING: readonly never[] = []
