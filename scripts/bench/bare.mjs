// The bare server: node:http that parses the same body and sends the same bytes. argv: the answer's body.
import { createServer } from 'node:http'

const body = Buffer.from(process.argv[2])
const headers = ['Content-Type', 'application/json', 'Content-Length', String(body.length)]
const server = createServer((request, response) => {
  const pieces = []
  request.on('data', (piece) => pieces.push(piece))
  request.on('end', () => {
    if (pieces.length > 0) JSON.parse(Buffer.concat(pieces).toString('utf8'))
    response.writeHead(200, headers)
    response.end(body)
  })
})
server.listen(0, '127.0.0.1', () => console.log(server.address().port))
