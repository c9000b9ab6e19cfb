// The side that takes mail: every sender, every recipient, no login, nothing passed on.
import { SMTPServer } from 'smtp-server'
import { mailBytesMax } from './mailbox.mjs'
import { readMail } from './read-mail.mjs'

const clientsMax = 20
const idleMs = 30_000

/** `onMail` gets each mail as `readMail` made it. Answers the port and how to stop. */
export async function startSmtp({ host, port }, onMail) {
  const server = new SMTPServer({
    banner: 'mail catcher: delivers to nobody',
    authOptional: true,
    disabledCommands: ['STARTTLS', 'AUTH'],
    disableReverseLookup: true,
    size: mailBytesMax,
    maxClients: clientsMax,
    socketTimeout: idleMs,
    closeTimeout: 100,
    onData: (stream, session, done) => void answer(stream, session, { onMail, done }),
  })
  // A client that breaks off harms nobody; a port that is taken is told by the promise below.
  server.on('error', () => {})
  await new Promise((resolve, reject) => {
    server.server.once('error', reject)
    server.listen(port, host, resolve)
  })
  return {
    port: server.server.address().port,
    stop: () => new Promise((resolve) => server.close(resolve)),
  }
}

async function answer(stream, session, { onMail, done }) {
  try {
    onMail(await take(stream, session))
  } catch (error) {
    done(error)
    return
  }
  done(null, 'caught')
}

async function take(stream, { envelope }) {
  const chunks = []
  let length = 0
  for await (const chunk of stream) {
    length += chunk.length
    // Read to its end all the same: SMTP has no other way to refuse.
    if (length <= mailBytesMax) chunks.push(chunk)
  }
  if (length > mailBytesMax) throw refusal(552, `a mail may have ${mailBytesMax} bytes`)
  try {
    return await readMail(
      Buffer.concat(chunks),
      envelope.rcptTo.map(({ address }) => address),
    )
  } catch {
    throw refusal(554, 'this mail cannot be read')
  }
}

function refusal(responseCode, message) {
  return Object.assign(new Error(message), { responseCode })
}
