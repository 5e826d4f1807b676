import type { FlatHeaders, HeaderDraft } from '@countersign/kong'

/** Headers that can be changed, kept as they are written: name, value, name, value … */
export class Headers implements HeaderDraft {
  #flat: string[]
  constructor(flat: FlatHeaders = []) {
    this.#flat = [...flat]
  }
  get flat(): FlatHeaders {
    return this.#flat
  }
  get(name: string): string | undefined {
    return this.all(name)[0]
  }
  all(name: string): readonly string[] {
    const values: string[] = []
    for (let i = 0; i < this.#flat.length; i += 2)
      if (this.#flat[i]?.toLowerCase() === name.toLowerCase()) values.push(this.#flat[i + 1] ?? '')
    return values
  }
  set(name: string, value: string): void {
    this.remove(name)
    this.add(name, value)
  }
  add(name: string, value: string): void {
    this.#flat.push(name, value)
  }
  remove(name: string): void {
    const kept: string[] = []
    for (let i = 0; i < this.#flat.length; i += 2)
      if (this.#flat[i]?.toLowerCase() !== name.toLowerCase())
        kept.push(this.#flat[i] ?? '', this.#flat[i + 1] ?? '')
    this.#flat = kept
  }
}
