import { describe as describeContract, matrix } from '@countersign/contract'
import {
  audit,
  authority,
  control,
  identity,
  operations,
  registry,
} from '@countersign/contract/platform'
import { contract as order } from '@countersign/order/contract'
import { contract as payment } from '@countersign/payment/contract'
import { contract as user } from '@countersign/user/contract'
import { expect, test } from 'vitest'

const ROLES = ['admin', 'customer', 'support', 'auditor']

// Read the difference when this fails: it is a change of who may do what. `vitest run tools/matrix.test.ts -u` accepts it.
test('the role-by-endpoint matrix is the committed one', async () => {
  const contracts = [
    user,
    order,
    payment,
    identity,
    authority,
    registry,
    audit,
    control,
    operations,
  ]
  await expect(matrix(contracts.map(describeContract), ROLES)).toMatchFileSnapshot(
    '../docs/role-matrix.txt',
  )
})
