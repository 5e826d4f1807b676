/** Where the resources of this server are. Ids are ours: they need no escaping. */
export class Urls {
  readonly base: string
  constructor(baseUrl: string) {
    this.base = `${baseUrl}/acme`
  }
  directory = (): string => `${this.base}/directory`
  newNonce = (): string => `${this.base}/new-nonce`
  newAccount = (): string => `${this.base}/new-account`
  newOrder = (): string => `${this.base}/new-order`
  revokeCertificate = (): string => `${this.base}/revoke-cert`
  keyChange = (): string => `${this.base}/key-change`
  renewalInfo = (): string => `${this.base}/renewal-info`
  account = (id: string): string => `${this.base}/account/${id}`
  orders = (account: string): string => `${this.account(account)}/orders`
  ordersAfter = (account: string, order: string): string => `${this.orders(account)}/${order}`
  order = (id: string): string => `${this.base}/order/${id}`
  finalize = (order: string): string => `${this.order(order)}/finalize`
  authorization = (id: string): string => `${this.base}/authz/${id}`
  challenge = (id: string): string => `${this.base}/chall/${id}`
  certificate = (serial: string): string => `${this.base}/cert/${serial}`
  alternate = (serial: string): string => `${this.certificate(serial)}/1`
}
