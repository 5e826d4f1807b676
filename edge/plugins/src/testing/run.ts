import type {
  Plugin,
  PluginAnswer,
  PluginInstance,
  PluginRequest,
  PluginTools,
} from '@countersign/kong'
import { Refusal } from '@countersign/layers'
import { type FakeRequest, fakeAnswer } from './exchange.ts'
import { placeOf, testTools } from './tools.ts'

/** An instance of a plugin with a configuration as an operator writes it. */
export function instanceOf(
  plugin: Plugin,
  config: Record<string, unknown> = {},
  tools: PluginTools = testTools(),
): PluginInstance {
  return plugin.create(plugin.schema.parse(config), placeOf(tools))
}

/** Runs `access` as a gateway does: what it refuses comes back, what it throws otherwise is thrown. */
export async function access(
  instance: PluginInstance,
  asked: PluginRequest,
): Promise<Refusal | undefined> {
  try {
    await instance.access?.(asked)
    return undefined
  } catch (error) {
    if (error instanceof Refusal) return error
    throw error
  }
}

/** Runs `head` on an answer, and gives its headers. */
export function head(
  instance: PluginInstance,
  asked: FakeRequest,
  given: Parameters<typeof fakeAnswer>[0] = {},
): PluginAnswer['headers'] {
  const answer = fakeAnswer(given)
  instance.head?.(answer, asked)
  return answer.headers
}
