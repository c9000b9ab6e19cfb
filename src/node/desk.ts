import {
  associationOf,
  bind,
  bindOperation,
  unbind,
  type BindDeps,
} from '../features/binding/bind.ts'
import { readRequest } from '../features/binding/endpoints.ts'
import { appendOperationsMax } from '../domain/limits.ts'
import { RefusalError } from '../domain/refusal.ts'
import type { Writer } from '../log/writer-port.ts'
import type { ControlHandler } from '../platform/control-socket.ts'
import { readShape, z } from '../platform/shape.ts'

/** What writing commands need of a node: a running one's, or one opened for the command alone. */
export type Desk = { readonly bindDeps: BindDeps; readonly writer: Writer }

/** Writing commands, by name: served on the control socket of a running node, called directly when it is down. */
export function deskHandlers({ bindDeps, writer }: Desk): Readonly<Record<string, ControlHandler>> {
  return {
    '3pid.bind': async ({ args }) => bind(bindDeps, readRequest(read(pairShape, args))),
    '3pid.unbind': async ({ args }) => {
      await unbind(bindDeps, readRequest(read(pairShape, args)))
      return {}
    },
    'import.rows': async ({ args }) => importRows({ bindDeps, writer }, read(importShape, args)),
    'log.refold': async () => writer.refold('all'),
  }
}

const pairShape = z.object({ medium: z.string(), address: z.string(), mxid: z.string() })

const importShape = z.object({
  rows: z.array(pairShape).min(1).max(appendOperationsMax),
  /** Where the rows come from; stands in the lines as `via` and gives them a rank of their own. Null: our own proof. */
  via: z.string().min(1).max(255).nullable(),
  /** Stored with the rows: where an import that is cut off goes on. */
  mark: z.object({ name: z.string().min(1).max(200), value: z.string().max(200) }),
})

/** Rows become binds of one group commit. Should it be cut off before its mark, the rows are bound again: no harm. */
async function importRows(
  { bindDeps, writer }: Desk,
  { rows, via, mark }: z.infer<typeof importShape>,
): Promise<{ rows: number }> {
  const operations = rows.map((row) => {
    const association = associationOf(bindDeps, readRequest(row))
    return bindOperation(bindDeps, association, via === null ? {} : { via })
  })
  const appended = bindDeps.append(operations)
  const marked = writer.side({ accounts: [], meta: { [mark.name]: mark.value } })
  await Promise.all([appended, marked])
  return { rows: rows.length }
}

function read<T>(shape: z.ZodType<T>, args: unknown): T {
  const reading = readShape(shape, args)
  if (reading.ok) return reading.value
  const [first] = reading.problems
  const where = first?.path.join('.') ?? ''
  throw new RefusalError('param-invalid', `${where}: ${first?.message ?? 'malformed'}`)
}
