// Shows that the mesh does what it is for: an address proved and bound at one node is found at all of them.
import * as client from './matrix-client.mjs'
import { done, step } from './story.mjs'
import { until } from './until.mjs'

const foundWait = { withinMs: 30_000, pollMs: 2 }
const mailWait = { withinMs: 30_000, pollMs: 20 }

export async function prove(nodes, { openid, mxid, catcher }) {
  const [paris] = nodes
  const tokens = await step(
    'registered at each node',
    () => Promise.all(nodes.map((node) => client.register(node, openid))),
    () => `as ${mxid}`,
  )
  const users = nodes.map((node, index) => ({ node, token: tokens[index] }))
  await step(
    'strangers turned away',
    async () => {
      const refused = await Promise.all(nodes.map((node) => client.refusesStrangers(node)))
      if (refused.includes(false))
        throw new Error('a mesh listener answered a caller without certificate')
    },
    () => 'mesh listeners know their peers',
  )
  const threepid = { medium: 'email', address: `alice.${Date.now().toString(36)}@example.org` }
  const session = await proveAddress(users[0], threepid.address, catcher)
  await step(
    `bound on ${paris.name}`,
    () => client.bind(paris, { token: tokens[0], session, mxid }),
    () => 'durable before the answer',
  )
  const boundAt = performance.now()
  await Promise.all(users.map((user) => findOn(user, threepid, { boundAt, mxid })))
  await step(
    'signature checked by the others',
    () =>
      Promise.all(
        nodes.map((node) =>
          until(`${node.name} showing the signed association`, foundWait, () =>
            client.signedAssociation(node, threepid),
          ),
        ),
      ),
    () => `as ${paris.name} signed it`,
  )
}

/** As a person does: asks for a mail, and opens the link in it. */
async function proveAddress({ node, token }, email, catcher) {
  const clientSecret = `proof-${Date.now().toString(36)}`
  return step(
    'address proved by a mailed link',
    async () => {
      const session = await client.requestMail(node, { token, email, clientSecret })
      const mail = await until('the mail arriving', mailWait, () =>
        catcher.mailbox.list().find(({ to }) => to.includes(email)),
      )
      await client.open(mail.links.find((link) => link.includes('submitToken')))
      return session
    },
    () => email,
  )
}

async function findOn({ node, token }, threepid, { boundAt, mxid }) {
  const { lookup_pepper: pepper } = await client.hashDetails(node, token)
  const found = await until(`finding the address on ${node.name}`, foundWait, () =>
    client.lookup(node, { token, pepper, threepid }),
  )
  if (found !== mxid) throw new Error(`${node.name} answers ${found}, expected ${mxid}`)
  done(`found on ${node.name}`, performance.now() - boundAt, 'after the bind, by hashed lookup')
}
