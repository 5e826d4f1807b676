/** Colours, or none where nobody would see them. */
export interface Colours {
  bold(text: string): string
  dim(text: string): string
  red(text: string): string
  green(text: string): string
  yellow(text: string): string
}

const wrap =
  (code: number, end: number, on: boolean) =>
  (text: string): string =>
    on ? `\u001b[${code}m${text}\u001b[${end}m` : text

export function colours(on: boolean): Colours {
  return {
    bold: wrap(1, 22, on),
    dim: wrap(2, 22, on),
    red: wrap(31, 39, on),
    green: wrap(32, 39, on),
    yellow: wrap(33, 39, on),
  }
}

/** Only on a terminal, and never against https://no-color.org. */
export function wantsColour(isTty: boolean | undefined, noColour: string | undefined): boolean {
  return isTty === true && (noColour === undefined || noColour === '')
}
