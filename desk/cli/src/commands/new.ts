import { existsSync } from 'node:fs'
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { checkoutFolder } from '../checkout.ts'
import type { Desk } from '../desk.ts'
import { DeskError, systemCode } from '../errors.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { dependencyLinks } from '../new-service/dependency-links.ts'
import { serviceFiles } from '../new-service/service-files.ts'
import { SERVICE_NAME } from '../supervisor/control-protocol.ts'
import { isOwnName } from '../supervisor/parts.ts'
import { shellWord } from '../terminal/printable.ts'

/** `countersign new <service>`: writes a service into this folder where it is empty, else into one of its name. */
export async function newService(desk: Desk, name: string): Promise<ExitCode> {
  if (!SERVICE_NAME.test(name))
    throw new DeskError(
      'USAGE',
      `${JSON.stringify(name)} is not a name: lower-case letters, digits and "-", a letter first`,
    )
  if (isOwnName(name))
    throw new DeskError('USAGE', `${name} is a name of the platform itself; choose another`)
  const folder = (await isEmpty(desk.folder)) ? desk.folder : join(desk.folder, name)
  if (!(await isEmpty(folder)))
    throw new DeskError('USAGE', `${folder} is there already and not empty`)
  const checkout = checkoutFolder()
  const home = homeFor(desk, checkout)
  for (const [path, text] of serviceFiles({ name, home: relativeOr(folder, home), checkout })) {
    await write(join(folder, path), text)
  }
  if (checkout !== undefined) await linkDependencies(folder, checkout)
  const { line, note } = desk.output
  note(`made ${folder}`)
  const enter = folder === desk.folder ? [] : [`cd ${shellWord(relative(desk.folder, folder))}`]
  const install = checkout === undefined ? ['npm install'] : []
  line([...enter, ...install, 'npm start'].join(' && '))
  note(`It joins the platform whose state is in ${home}`)
  return EXIT.ok
}

/** The platform of the environment or of this folder; else that of the checkout, where `npm start` runs. */
function homeFor(desk: Desk, checkout: string | undefined): string {
  const chosen = desk.env.COUNTERSIGN_HOME !== undefined || existsSync(desk.layout.root)
  return chosen || checkout === undefined ? desk.layout.root : join(checkout, '.countersign')
}

/** A path that stays right when both folders move together; absolute where they have nothing in common. */
function relativeOr(folder: string, path: string): string {
  const way = relative(folder, path)
  return way.split('/').filter((part) => part === '..').length > 2 ? path : way
}

async function isEmpty(folder: string): Promise<boolean> {
  try {
    return (await readdir(folder)).length === 0
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return true
    throw new DeskError('ENVIRONMENT', `cannot read ${folder} (${systemCode(error)})`, {
      cause: error,
    })
  }
}

async function write(path: string, text: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, text, { flag: 'wx' })
  } catch (error) {
    throw new DeskError('ENVIRONMENT', `cannot write ${path} (${systemCode(error)})`, {
      cause: error,
    })
  }
}

/** Installs without the network: the packages are there already, in the checkout. */
async function linkDependencies(folder: string, checkout: string): Promise<void> {
  for (const { path, target } of dependencyLinks(checkout)) {
    const link = join(folder, 'node_modules', path)
    await mkdir(dirname(link), { recursive: true })
    await symlink(target, link)
  }
}
