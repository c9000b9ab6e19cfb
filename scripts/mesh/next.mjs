// What runs where, and what a person can try next.
import { main } from './commands.mjs'
import { bold, faint, pathFromHere, say, table } from './story.mjs'
import { walkSteps } from './walk.mjs'

export function sayWhereAll(folder, { processes, homeserver, catcher }) {
  say()
  table([
    ['what', 'where', 'mesh', 'admin', 'process'],
    ...folder.nodes.map((node, index) => [
      node.name,
      node.publicUrl,
      `:${node.ports.mesh}`,
      `:${node.ports.admin}`,
      String(processes[index].pid),
    ]),
    ['mails', catcher.url, '', '', 'every mail ends here'],
    ['homeserver', `https://${homeserver.name}`, '', '', 'a stand-in'],
  ])
  say(faint(`  logs: ${pathFromHere(folder.dir)}/{paris,lyon,oslo}/node.log`))
}

export function sayNext(folder, { homeserver, catcher }) {
  const [paris, , oslo] = folder.nodes
  const steps = walkSteps({
    paris,
    oslo,
    homeserverName: homeserver.name,
    catcherUrl: catcher.url,
    pepper: folder.record.pepper,
  })
  say(`\n${bold('Try next: paste this into another terminal, step by step')}`)
  for (const { remark, lines } of steps) {
    say(`\n  ${faint(`# ${remark}`)}`)
    for (const line of lines) say(`  ${line}`)
  }
  const program = pathFromHere(main)
  const config = pathFromHere(paris.configFile)
  say(
    `\n  ${faint('# What each node knows of the others, and whether every stored line is true.')}`,
  )
  say(`  node ${program} mesh status --config ${config}`)
  say(`  node ${program} log verify --config ${config}`)
}
