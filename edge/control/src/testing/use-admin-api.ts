import { temporaryFolder } from '@countersign/ground/testkit'
import { afterAll, beforeAll, expect } from 'vitest'
import { ask, openControl, type TestControl } from './open-control.ts'

/** A control plane of the test file that asks for it, and its Admin API as programs that know Kong's meet it. */
export interface AdminApi {
  readonly control: TestControl
  /** Asks a line such as `GET /services`, with the key. */
  api(line: string, sent?: Parameters<typeof ask>[2]): Promise<any>
  /** Makes an entity, and gives it back. */
  made(path: string, json: object): Promise<any>
}

/** Opens it before the tests of the file, and closes it behind them. */
export function useAdminApi(): AdminApi {
  const folder = temporaryFolder()
  let control: TestControl | undefined
  const opened = (): TestControl => {
    if (control === undefined) throw new Error('the control plane opens before the first test')
    return control
  }
  beforeAll(async () => {
    control = await openControl(folder.path)
  })
  afterAll(async () => {
    await control?.close()
    folder[Symbol.dispose]()
  })
  const api: AdminApi['api'] = (line, sent) => ask(opened(), line, sent)
  return {
    get control() {
      return opened()
    },
    api,
    made: async (path, json) => {
      const { status, body } = await api(`POST ${path}`, { json })
      expect(status, JSON.stringify(body)).toBe(201)
      return body
    },
  }
}
