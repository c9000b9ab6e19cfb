// What a person can try next, as lines that work when pasted into another terminal.
import { main } from './commands.mjs'
import { bold, faint, pathFromHere, say } from './story.mjs'

function json(value) {
  return `'${JSON.stringify(value)}'`
}

function example(what, command) {
  say(`\n  ${faint(`# ${what}`)}`)
  say(`  ${command}`)
}

export function sayNext(folder, threepid) {
  const [paris, lyon, oslo] = folder.nodes
  const { pepper } = folder.record
  const config = (node) => pathFromHere(node.configFile)
  const program = pathFromHere(main)
  say(`\n${bold('Try next, in another terminal')}`)
  for (const node of folder.nodes) {
    example(
      `ask ${node.name} for the address, as a Matrix client`,
      `curl -s ${node.publicUrl}/_matrix/identity/v2/lookup -H 'Authorization: Bearer ${node.token}' ` +
        `--json ${json({ algorithm: 'none', pepper, addresses: [`${threepid.address} ${threepid.medium}`] })}`,
    )
  }
  example(
    `the same association from ${oslo.name}, signed (API v1 needs no token)`,
    `curl -s '${oslo.publicUrl}/_matrix/identity/api/v1/lookup?medium=email&address=${encodeURIComponent(threepid.address)}'`,
  )
  example(
    `bind another on ${lyon.name}, then ask ${paris.name} for it`,
    `curl -s ${lyon.adminUrl}/_matrix/identity/internal/bind ` +
      `--json ${json({ medium: 'email', address: 'bob@example.org', mxid: '@bob:example.org' })}`,
  )
  say(
    `  curl -s ${paris.publicUrl}/_matrix/identity/v2/lookup -H 'Authorization: Bearer ${paris.token}' ` +
      `--json ${json({ algorithm: 'none', pepper, addresses: ['bob@example.org email'] })}`,
  )
  example(
    'what each node knows of the others',
    `node ${program} mesh status --config ${config(paris)}`,
  )
  example(
    `check ${paris.name}'s copy of every log, line by line`,
    `node ${program} log verify --config ${config(paris)}`,
  )
}
