import type { HttpFault, HttpReply } from '../../platform/http-client.ts'
import { DeliveryFault } from '../medium.ts'

/** Statuses that speak of us or of now, not of the number. */
const mendable = [401, 402, 403, 404, 405, 407, 408, 425, 429]

/** Null for a message that was taken. A 4xx about the request itself would be the same the next time. */
export function replyFault({ status }: HttpReply): DeliveryFault | null {
  if (status >= 200 && status < 300) return null
  if (status === 401 || status === 403) return new DeliveryFault('login', { status })
  if (status === 408 || status === 425 || status === 429 || status >= 500) {
    return new DeliveryFault('deferred', { status })
  }
  if (status < 400 || mendable.includes(status)) return new DeliveryFault('setup', { status })
  return new DeliveryFault('rejected', { isPermanent: true, status })
}

export function callFault({ reason }: HttpFault): DeliveryFault {
  switch (reason) {
    case 'timeout':
      return new DeliveryFault('timeout')
    case 'busy':
      return new DeliveryFault('deferred')
    case 'blocked':
    case 'too-large':
      return new DeliveryFault('setup')
    case 'unreachable':
      return new DeliveryFault('unreachable')
  }
}
