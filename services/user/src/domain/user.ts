/** Roles that people can have. */
export const ROLES = ['admin', 'customer', 'support', 'auditor'] as const
export type Role = (typeof ROLES)[number]

/** A person as the store keeps one. */
export interface User {
  /** UUID. */
  readonly id: string
  /** In its canonical form, and unique. */
  readonly username: string
  /** PHC string. Never leaves this service. */
  readonly hashedPassword: string
  readonly roles: readonly Role[]
  /** Goes up by one with each change. */
  readonly version: number
  readonly disabled: boolean
  /** RFC 3339. */
  readonly createdAt: string
}
/** What others may see of a person. */
export type PublicUser = Omit<User, 'hashedPassword' | 'roles'> & { readonly roles: Role[] }

/** A person without the password hash. Names each field, so that a new one stays inside until it is added here. */
export function publicUser(user: User): PublicUser {
  const { id, username, roles, version, disabled, createdAt } = user
  return { id, username, roles: [...roles], version, disabled, createdAt }
}

/** A person newly made. */
export function newUser(
  facts: Pick<User, 'id' | 'username' | 'hashedPassword' | 'roles'>,
  now: number,
): User {
  return { ...facts, version: 1, disabled: false, createdAt: new Date(now).toISOString() }
}

/** The same person, changed: the next version. */
export function changed(
  user: User,
  changes: Partial<Pick<User, 'hashedPassword' | 'roles' | 'disabled'>>,
): User {
  return { ...user, ...changes, version: user.version + 1 }
}

/*
 * Nobody locks themselves out: an admin can neither give up their own admin role nor disable themselves.
 * So the last admin stays, whatever two admins do to each other at one time is their affair.
 */
export function locksOut(
  actorId: string | undefined,
  user: User,
  changes: { readonly roles?: readonly Role[]; readonly disabled?: boolean },
): boolean {
  if (actorId !== user.id) return false
  const givesUpAdmin =
    changes.roles !== undefined && user.roles.includes('admin') && !changes.roles.includes('admin')
  return givesUpAdmin || changes.disabled === true
}
