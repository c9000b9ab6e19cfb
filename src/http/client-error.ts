import type { Duplex } from 'node:stream'
import { STATUS_CODES } from 'node:http'
import { corsHeaders } from './cors.ts'

type Malformed = { readonly status: number; readonly errcode: string; readonly error: string }

const answers: Readonly<Record<string, Malformed>> = {
  HPE_HEADER_OVERFLOW: {
    status: 431,
    errcode: 'M_TOO_LARGE',
    error: 'expected fewer bytes of path, query and headers',
  },
  ERR_HTTP_REQUEST_TIMEOUT: {
    status: 408,
    errcode: 'M_UNKNOWN',
    error: 'expected the whole request sooner',
  },
}

const otherwise: Malformed = {
  status: 400,
  errcode: 'M_UNRECOGNIZED',
  error: 'expected an HTTP request',
}

/** Answers what never became a request, in words a client of the API can read, and closes the connection. */
export function answerMalformed(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy(error)
    return
  }
  const { status, errcode, error: text } = answers[error.code ?? ''] ?? otherwise
  const body = JSON.stringify({ errcode, error: text })
  const lines = [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`]
  for (let i = 0; i < corsHeaders.length; i += 2) {
    lines.push(`${corsHeaders[i] ?? ''}: ${corsHeaders[i + 1] ?? ''}`)
  }
  lines.push('Content-Type: application/json', `Content-Length: ${body.length}`)
  socket.end([...lines, 'Connection: close', '', body].join('\r\n'))
}
