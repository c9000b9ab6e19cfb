// Sends requests on keep-alive connections, each its next once the last is answered. `request`: the text, or a function
// that makes the one of a number. `perSecond`: no more than that, over all connections.
import { connect } from 'node:net'

export async function load({ port, request, connections, count, perSecond = Infinity }) {
  const bytes = typeof request === 'string' ? Buffer.from(request) : null
  let left = count
  let errors = 0
  const began = process.hrtime.bigint()
  await Promise.all(Array.from({ length: connections }, () => one()))
  const seconds = Number(process.hrtime.bigint() - began) / 1e9
  if (errors > 0) throw new Error(`${errors} of ${count} requests failed`)
  return { perSecond: count / seconds }

  function one() {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1')
      socket.setNoDelay(true)
      let held = ''
      const next = () => {
        if (left <= 0) {
          socket.end()
          resolve()
          return
        }
        const i = count - left--
        const waitMs = (i / perSecond) * 1_000 - Number(process.hrtime.bigint() - began) / 1e6
        if (waitMs < 1) socket.write(bytes ?? request(i))
        else setTimeout(() => socket.write(bytes ?? request(i)), waitMs)
      }
      socket.on('connect', next)
      socket.on('error', reject)
      socket.on('data', (piece) => {
        held += piece.toString('latin1')
        const head = held.indexOf('\r\n\r\n')
        if (head < 0) return
        const length = Number(/content-length: (\d+)/i.exec(held.slice(0, head))?.[1] ?? 0)
        if (held.length < head + 4 + length) return
        if (!held.startsWith('HTTP/1.1 200')) errors++
        held = ''
        next()
      })
    })
  }
}
