import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { AppendFile } from '../append-file.ts'
import { forgetExpired, merge, type TokenBook, type TokenState } from '../domain/token-book.ts'
import { AuthorityError } from '../errors.ts'
import { TOKEN_FILE_BYTES_MAX, TOKEN_LINES_MAX } from '../limits.ts'
import { tokenRecordSchema } from './token-record.ts'

/** The book of tokens on disk. Each word about a token is a line; `merge` of all lines is what is known. */
export class TokenFile {
  readonly #file: AppendFile
  #lines: number

  private constructor(file: AppendFile, lines: number) {
    this.#file = file
    this.#lines = lines
  }

  /** Reads what is known, forgets what has expired, and writes the rest anew. */
  static async open(folder: string, now: number): Promise<{ file: TokenFile; book: TokenBook }> {
    const path = join(folder, 'tokens.jsonl')
    const file = await AppendFile.open(path)
    try {
      const book = await readBook(path)
      forgetExpired(book, now)
      await file.replace(recordsOf(book))
      return { file: new TokenFile(file, book.size), book }
    } catch (error) {
      await file.close()
      throw error
    }
  }

  /** Durable on return. `book`: all that is known, for when the file has grown too long. */
  async append(hash: string, state: TokenState, book: TokenBook): Promise<void> {
    await this.#file.append({ hash, ...state })
    this.#lines += 1
    if (this.#lines <= TOKEN_LINES_MAX) return
    this.#lines = book.size
    await this.#file.replace(recordsOf(book))
  }

  close(): Promise<void> {
    return this.#file.close()
  }
}

function recordsOf(book: TokenBook): unknown[] {
  return [...book].map(([hash, state]) => ({ hash, ...state }))
}

async function readBook(path: string): Promise<TokenBook> {
  const { size } = await stat(path)
  if (!(size <= TOKEN_FILE_BYTES_MAX))
    throw new AuthorityError('PKI_DAMAGED', `${path} is too long`)
  const book: TokenBook = new Map()
  for (const [i, line] of (await readFile(path, 'utf8')).split('\n').entries()) {
    if (line === '') continue
    const { hash, ...state } = parseLine(line, `${path} line ${i + 1}`)
    book.set(hash, merge(book.get(hash), state))
  }
  return book
}

/** A line that cannot be read could be the one that says `spent`: better not to start than to forget it. */
function parseLine(line: string, where: string) {
  try {
    return tokenRecordSchema.parse(JSON.parse(line))
  } catch (cause) {
    throw new AuthorityError('PKI_DAMAGED', `${where} cannot be read`, { cause })
  }
}
