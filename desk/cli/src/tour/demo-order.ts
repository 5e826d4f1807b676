/** The order of the tour and of the line that `up` prints. The card is the one that every test system takes. */
export const DEMO_ORDER = {
  items: [{ sku: 'sentry-lamp', quantity: 1, unitPriceMinor: 4_900 }],
  currency: 'EUR',
  card: { number: '4242424242424242', expiry: '12/34', holder: 'Demo Customer' },
} as const
