import { requestLineFilter } from '@countersign/layers'
import { answerLineFilter } from '../door/answer-lines.ts'
import { judgeRequestHeader, judgeResponseHeader } from '../domain/header-names.ts'

/* What filter-headers.ts decides, for heads that are handed on as they were read. */

/** The lines of a client's headers that go on to a service; `undefined` where they have to be taken one by one. */
export const requestLinesOf = requestLineFilter(judgeRequestHeader)

/** The lines of a service's headers that go back to the client; `undefined` as above. */
export const answerLinesOf = answerLineFilter(judgeResponseHeader)
