import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { addressBytes } from '@countersign/ground/http1'

/*
 * A DNS server for tests: answers A, AAAA, CNAME, TXT and CAA over UDP from a table, and TXT from the files of a folder
 * as well, which hooks of clients can write. What it does not know does not exist.
 */
interface Zone {
  readonly a?: readonly string[]
  readonly aaaa?: readonly string[]
  readonly cname?: string
  readonly txt?: readonly string[]
  /** As in `0 issue "ca.example"`, without the quotes. */
  readonly caa?: readonly string[]
  /** Answers with this code: 2 is SERVFAIL. */
  readonly code?: number
}
export interface DnsServer {
  /** `address:port`. */
  readonly address: string
  /** What was asked: `A name`, in order. */
  readonly asked: string[]
  /** `*` is for all names that have no line of their own. */
  set(name: string, zone: Zone | ((asked: number) => Zone)): void
  close(): void
}

const TYPES = { 1: 'A', 5: 'CNAME', 16: 'TXT', 28: 'AAAA', 257: 'CAA' } as const

export async function startDns(folder: string): Promise<DnsServer> {
  const zones = new Map<string, (asked: number) => Zone>()
  const counts = new Map<string, number>()
  const asked: string[] = []
  const socket = createSocket('udp4')
  const find = (name: string): Zone | undefined => {
    const zone = zones.get(name) ?? (name.startsWith('_') ? undefined : zones.get('*'))
    const count = counts.get(name) ?? 0
    counts.set(name, count + 1)
    const file = join(folder, name)
    const written = existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : []
    const found = zone?.(count)
    if (written.length === 0) return found
    return { ...found, txt: [...(found?.txt ?? []), ...written] }
  }
  socket.on('message', (query, from) => {
    const { name, type, end } = readQuestion(query)
    const kind = TYPES[type as keyof typeof TYPES]
    asked.push(`${kind ?? type} ${name}`)
    const zone = find(name)
    const records = zone === undefined || kind === undefined ? [] : answers(zone, kind)
    const header = Buffer.from(query.subarray(0, 12))
    header.writeUInt16BE(0x8580 | (zone?.code ?? (zone === undefined ? 3 : 0)), 2)
    header.writeUInt16BE(records.length, 6)
    header.fill(0, 8)
    socket.send(
      Buffer.concat([header, query.subarray(12, end), ...records]),
      from.port,
      from.address,
    )
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return {
    ...{ asked, address: `127.0.0.1:${socket.address().port}` },
    set: (name, zone) => void zones.set(name, typeof zone === 'function' ? zone : () => zone),
    close: () => socket.close(),
  }
}

function readQuestion(query: Buffer): { name: string; type: number; end: number } {
  const labels: string[] = []
  let at = 12
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  return { name: labels.join('.').toLowerCase(), type: query.readUInt16BE(at + 1), end: at + 5 }
}

function answers(zone: Zone, kind: (typeof TYPES)[keyof typeof TYPES]): Buffer[] {
  const { a = [], aaaa = [], txt = [], caa = [], cname } = zone
  if (cname !== undefined && kind !== 'CNAME' && kind !== 'TXT')
    return [record(5, writeName(cname))]
  if (kind === 'A') return a.map((ip) => record(1, addressBytes(ip)))
  if (kind === 'AAAA') return aaaa.map((ip) => record(28, addressBytes(ip)))
  if (kind === 'CNAME') return cname === undefined ? [] : [record(5, writeName(cname))]
  if (kind === 'TXT') return txt.map((text) => record(16, writeText(text)))
  return caa.map((line) => {
    const [flags = '0', tag = '', ...value] = line.split(' ')
    const head = Buffer.from([Number(flags), tag.length])
    return record(257, Buffer.concat([head, Buffer.from(tag + value.join(' '))]))
  })
}

/** The name is that of the question, to which it points. */
function record(type: number, data: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(12)
  head.writeUInt16BE(0xc00c)
  head.writeUInt16BE(type, 2)
  head.writeUInt16BE(1, 4)
  head.writeUInt16BE(data.length, 10)
  return Buffer.concat([head, data])
}

function writeName(name: string): Buffer {
  const labels = name.split('.').map((label) => [Buffer.from([label.length]), Buffer.from(label)])
  return Buffer.concat([...labels.flat(), Buffer.alloc(1)])
}

function writeText(text: string): Buffer {
  const chunks = text.match(/.{1,255}/gs) ?? ['']
  return Buffer.concat(chunks.flatMap((each) => [Buffer.from([each.length]), Buffer.from(each)]))
}
