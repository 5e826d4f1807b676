import { escapeHtml, page } from './html.ts'

/** Why the form is shown again. The words are the same for an unknown name and a wrong password. */
export type LoginFault =
  | { readonly kind: 'wrong' }
  | { readonly kind: 'unavailable' }
  | { readonly kind: 'throttled'; readonly retryAfterSeconds: number }

/** The login form. It posts to its own address and repeats nothing of what was typed. */
export function loginPage(fault?: LoginFault): string {
  return page(
    'Log in',
    `<h1>Log in</h1>${fault === undefined ? '' : `<p class="fault" role="alert">${faultText(fault)}</p>`}
<form method="post" autocomplete="on">
<label for="username">Name</label>
<input id="username" name="username" autocomplete="username" autocapitalize="none" required maxlength="128">
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required maxlength="1024">
<button type="submit">Log in</button>
</form>`,
  )
}

function faultText(fault: LoginFault): string {
  if (fault.kind === 'wrong') return 'This name and password do not go together.'
  if (fault.kind === 'unavailable') return 'Passwords cannot be checked right now. Try again soon.'
  return `Too many failed logins. Try again in ${fault.retryAfterSeconds} s.`
}

/** What cannot go on, with the id under which the operator finds it. */
export function errorPage(facts: {
  readonly title: string
  readonly code: string
  readonly text: string
  readonly requestId: string
}): string {
  return page(
    facts.title,
    `<h1>${escapeHtml(facts.title)}</h1><p>${escapeHtml(facts.text)}</p>
<p><small>${escapeHtml(facts.code)} &middot; request ${escapeHtml(facts.requestId)}</small></p>`,
  )
}

/** Asks whether to log out. `form` is the provider's own markup and carries its one-time secret. */
export function logoutPage(form: string): string {
  return page(
    'Log out',
    `<h1>Log out?</h1>${form}
<button type="submit" form="op.logoutForm" name="logout" value="yes">Log out</button>
<button type="submit" form="op.logoutForm">Stay</button>`,
  )
}

export function loggedOutPage(): string {
  return page('Logged out', '<h1>Logged out</h1><p>You can close this page.</p>')
}
